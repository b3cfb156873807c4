/**
 * Files are run one after the other by the same process, where packages are loaded once. Hookline's own modules are loaded
 * anew for each file, so that what they remember, and the hooks they register, are of that file alone.
 */
import { vi } from "vitest";

vi.resetModules();
