import sparticuz from "@sparticuz/chromium";
import { chromium } from "playwright-core";

/**
 * A Chromium without a window, from the npm package that carries one: it unpacks itself, needs no root and no download. CHROMIUM_PATH names another.
 * The flags that the package proposes turn off what a test is there for (`--disable-web-security`), so ours are few.
 *
 * @returns {Promise<import("playwright-core").Browser>}
 */
export async function launchBrowser() {
  try {
    const executablePath = process.env.CHROMIUM_PATH ?? (await sparticuz.executablePath());
    return await chromium.launch({
      executablePath,
      args: [
        // Where the system names no language, Chromium makes one up that no formatter takes.
        "--lang=en-US",
        "--headless=shell",
        "--no-sandbox",
        "--no-zygote",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--font-render-hinting=none",
        "--hide-scrollbars",
      ],
    });
  } catch (error) {
    throw new Error(
      "No Chromium could be started: the tests of the dashboard need one. It comes with the npm package @sparticuz/chromium (Linux on x64 or arm64); elsewhere set CHROMIUM_PATH to a Chrome or Chromium of yours.",
      { cause: error },
    );
  }
}
