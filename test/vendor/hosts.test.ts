import { describe, expect, it } from "vitest";
import { hostGuard } from "../../runtime/vendor/hosts.ts";

describe("the hosts of a connector", () => {
  const guard = hostGuard("acme", ["api.acme.example", "*.acme.test"], { url: "http://127.0.0.1:4000" });
  const isAllowed = (url: string): boolean => {
    try {
      guard(new URL(url));
      return true;
    } catch {
      return false;
    }
  };

  it("are called by https on its usual port, and those of an override as they are", () => {
    const urls = [
      "https://api.acme.example/x",
      "https://API.acme.example:443",
      "https://a.b.acme.test",
      "http://127.0.0.1:4000",
    ];
    expect(urls.filter(isAllowed)).toEqual(urls);
  });

  it.each([
    "http://api.acme.example",
    "https://api.acme.example:8443",
    "https://a.acme.test:8443",
    "https://acme.test",
    "https://api.acme.example.evil.test",
    "http://127.0.0.1:4001",
  ])("are no others: %s", (url) => {
    expect(() => guard(new URL(url))).toThrow(
      expect.objectContaining({
        code: "host_not_allowed",
        message: expect.stringContaining("is not one of its hosts"),
      }),
    );
  });
});
