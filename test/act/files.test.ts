import { describe, expect, it } from "vitest";
import { readResponse } from "../../runtime/vendor/transports/read-response.ts";

const answer = (bytes: number) => ({
  status: 200,
  headers: { "content-type": "audio/x-wav" },
  body: Buffer.alloc(bytes, "a"),
});

describe("a file", () => {
  it("comes along in base64 up to 1 MB", () => {
    const { body } = readResponse(answer(1024 * 1024), "https://acme.example/f", "binary", "/files/f");
    expect(body).toMatchObject({ mediaType: "audio/x-wav", size: 1024 * 1024 });
    expect((body as { content: string }).content).toHaveLength(Math.ceil((1024 * 1024) / 3) * 4);
    expect(body).not.toHaveProperty("path");
  });

  it("is told of by its hash and path when it is larger", () => {
    const { body } = readResponse(answer(1024 * 1024 + 1), "https://acme.example/f", "binary", "/files/f");
    expect(body).toEqual({
      mediaType: "audio/x-wav",
      size: 1024 * 1024 + 1,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      path: "/files/f",
    });
  });
});
