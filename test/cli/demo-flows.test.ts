import { IS_LARGE } from "../fixtures/tier.ts";
import { describe, expect, it } from "vitest";
import { CommandLine, run } from "./command-line.ts";

/** A run, or a sync, all of which has gone well. */
const done = (name: string) => new RegExp(`^\\d\\d:\\d\\d:\\d\\d {2}${name} {2}(?=.*(✓|kept alike))[^✗\\n]+$`, "m");

const TEMPLATES: Record<string, string> = {
  "gmail-label-to-highlevel-tag": "Gmail labels to HighLevel tags and notes",
  "gmail-sender-to-highlevel": "New Gmail senders to HighLevel",
  "google-contact-to-highlevel": "Google contacts to HighLevel",
  "google-event-to-highlevel": "Google appointments to HighLevel",
  "google-group-to-highlevel-tag": "Google contact groups to HighLevel tags and notes",
  "google-highlevel-contact-sync": "Google and HighLevel contacts, kept alike",
  "google-task-to-highlevel": "Google tasks to HighLevel tasks",
  "highlevel-contact-to-google-group": "HighLevel contacts to a Google group",
  "highlevel-task-completed-to-google": "Completed HighLevel tasks to Google",
};

describe("npm start -- --flow", () => {
  it.runIf(IS_LARGE)("shows each shipped template at work with all", async () => {
    const demo = new CommandLine(["demo", "--flow", "all", "--port", "0", "--fast", "--for", "80"]);
    for (const name of Object.values(TEMPLATES)) await demo.prints(done(name));
    const { code, stdout, stderr } = await demo.interrupt();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("in memory: nothing is kept");
    expect(stdout).toMatch(/Stopping\.\n[^]*Stopped\. Nothing was kept\.\n$/);
  });

  it("tells of each run who started it, and what each step did", async () => {
    const flow = ["--flow", "highlevel-contact-to-google-group", "--flow", "gmail-sender-to-highlevel"];
    const demo = new CommandLine(["demo", ...flow, "--port", "0", "--fast", "--for", "25"]);
    await demo.prints(
      /HighLevel contacts to a Google group {2}contact_created {2}\S+ \S.* {2}find_contact ✓ · create_contact ✓ · add_to_group –\n/,
    );
    await demo.prints(
      /New Gmail senders to HighLevel {2}message_received {2}\S+ \S+.* · .* {2}find_contact ✓ · upsert_contact ✓ · add_tags_to_contact ✓\n/,
    );
    const { stdout } = await demo.interrupt();
    expect(stdout).not.toContain("kept alike");
  });

  it.runIf(IS_LARGE)("does at HighLevel what makes a task come back as completed, every time", async () => {
    const flow = ["--flow", "highlevel-task-completed-to-google"];
    const demo = new CommandLine(["demo", ...flow, "--port", "0", "--fast", "--for", "25"]);
    await demo.prints(/(Completed HighLevel tasks to Google {2}task_completed {2}.+ {2}complete_task ✓\n[^]*){2}/);
    expect((await demo.interrupt()).code).toBe(0);
  });

  it("stops by itself after the time it is given", async () => {
    const flow = ["--flow", "google-contact-to-highlevel"];
    const { code, stdout, stderr } = await run("demo", ...flow, "--port", "0", "--for", "0.2");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Stopped. Nothing was kept.");
  });

  it("lists ids and descriptions with list, and starts nothing", async () => {
    const { code, stdout } = await run("demo", "--flow", "list");
    expect(code).toBe(0);
    expect([...stdout.matchAll(/^(\S+)\n {4}\S.+\n/gm)].map(([, id]) => id)).toEqual(
      expect.arrayContaining(Object.keys(TEMPLATES)),
    );
  });

  it("ends with 2 and the nearest name for a template that does not exist", async () => {
    expect(await run("demo", "--flow", "google-contact-highlevel")).toEqual({
      code: 2,
      stdout: "",
      stderr:
        'Flow template "google-contact-highlevel" does not exist; did you mean "google-contact-to-highlevel"? [not_found]\n',
    });
  });
});
