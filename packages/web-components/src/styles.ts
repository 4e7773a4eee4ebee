import { blocks } from "./styles/blocks.js";
import { controls } from "./styles/controls.js";
import { text } from "./styles/text.js";
import { theme } from "./styles/theme.js";

/** The look that all elements have in common. */
export const styles = [theme, text, controls, blocks];
