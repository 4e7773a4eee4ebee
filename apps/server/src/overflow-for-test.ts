import type { Page } from "playwright-core";

/** Looks into every shadow root. What scrolls or clips by itself may be wider inside; nothing may stick out of anything else, or of the page. */
const FIND = `(function find(root, found) {
  for (const element of root.querySelectorAll("*")) {
    if (element.shadowRoot) find(element.shadowRoot, found);
    if (element instanceof SVGElement || !(element instanceof HTMLElement)) continue;
    const { overflowX, display } = getComputedStyle(element);
    const [inner, outer] = [element.scrollWidth, element.clientWidth];
    if (overflowX === "visible" && display !== "inline" && display !== "contents" && outer > 0 && inner > outer + 1)
      found.push(element.localName + "." + element.className + ": " + inner + " in " + outer + ": " + element.textContent.trim().replace(/\\s+/g, " ").slice(0, 60));
  }
  return found;
})(document, document.documentElement.scrollWidth > document.documentElement.clientWidth ? ["the page: " + document.documentElement.scrollWidth + " in " + document.documentElement.clientWidth] : [])`;

/** What is wider than the place it has, on the page as it is now. */
export const overflowing = async (page: Page): Promise<string[]> => (await page.evaluate(FIND)) as string[];
