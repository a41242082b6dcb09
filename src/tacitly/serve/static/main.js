// Starts the page.

import { startAsking } from "./ask.js";
import { startScoring } from "./existing.js";
import { startKey } from "./key.js";
import { showModels } from "./models.js";
import { startTabs } from "./tabs.js";

startTabs();
startKey();
startAsking();
startScoring();
void showModels();
