import { describe, expect, it } from "vitest";
import samples from "../../connector/highlevel/samples.json" with { type: "json" };
import { control, openHighLevel } from "./highlevel-world.ts";

const messageId = samples.message.id;

describe("the recording of a call", () => {
  it("fires when it becomes available, with its content, and again when it changes", async () => {
    await using world = await openHighLevel();
    const subscription = await world.subscribe("get_message_recording", { messageId });
    expect(await world.poll(subscription)).toEqual([]);
    await control(world, "POST", `/recordings/${messageId}`, { content: "UklGRg==" });
    const created = await world.poll(subscription);
    expect(created).toMatchObject([
      {
        type: "recording.changed",
        data: {
          change: "created",
          resource: { id: messageId },
          record: { mediaType: "audio/x-wav", size: 4, content: "UklGRg==" },
        },
      },
    ]);
    await control(world, "POST", `/recordings/${messageId}`, { content: "UklGRgA=" });
    expect(await world.poll(subscription)).toMatchObject([{ data: { change: "updated", record: { size: 5 } } }]);
  });

  it("is told of by the path that passthrough fetches when it is larger than 1 MB", async () => {
    await using world = await openHighLevel();
    const subscription = await world.subscribe("get_message_recording", { messageId });
    const content = Buffer.alloc(1024 * 1024 + 1, "a");
    await control(world, "POST", `/recordings/${messageId}`, { content: content.toString("base64") });
    const [event] = await world.poll(subscription);
    const { record } = event!.data as { record: { size: number; path: string } };
    expect(record).not.toHaveProperty("content");
    expect(record.size).toBe(content.length);
    const target = record.path.slice(1);
    const answer = await world.runtime.actions.passthrough(world.connection, { method: "GET", target, headers: {} });
    const chunks: Buffer[] = [];
    for await (const chunk of answer.body) chunks.push(chunk as Buffer);
    expect(answer.status).toBe(200);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
  });
});
