// What every page does with a script: the clock goes, countdowns count, times say what they are to the reader, the
// colours change at once, a live page says whether it is live. Without it everything can be read all the same.

import { startClock } from "./clock.js";
import { startThemes } from "./theme.js";
import { watchLive } from "./live.js";

startClock(document);
startThemes(document);
watchLive(document);
