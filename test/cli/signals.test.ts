import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { CommandLine, main } from "./command-line.ts";

describe("stopping", () => {
  it("ends at once with 130 when a second signal comes while something is still in flight", async () => {
    const listening = new CommandLine(["listen", "--port", "0"]);
    const [, port] = await listening.prints(/Listening on http:\/\/localhost:(\d+)\//);
    const hanging = connect(Number(port)).on("error", () => {});
    await once(hanging, "connect");
    hanging.write("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\nhalf");
    await once(hanging, "data");
    const first = performance.now();
    listening.process.kill("SIGINT");
    // Npm repeats a Ctrl-C at once, which must not count as a second one; so none of the first half second ends it.
    const repeated = setInterval(() => listening.process.kill("SIGINT"), 100);
    const { code } = await listening.finished;
    clearInterval(repeated);
    expect(code).toBe(130);
    expect(performance.now() - first).toBeGreaterThanOrEqual(500);
  });

  it("follows npm when that is told to end, though the signal reaches only the shell in between", async () => {
    const { PATH } = process.env;
    const command = `"${process.execPath}" "${main}" sandbox --port 0; true`;
    const shell = spawn("sh", ["-c", command], { env: { PATH, npm_lifecycle_event: "start" } });
    await once(shell.stdout, "data");
    const closed = once(shell, "close");
    shell.kill("SIGTERM");
    // The sandbox holds the other end of the pipe until it has ended.
    await closed;
    expect(shell.signalCode).toBe("SIGTERM");
  });
});
