import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import type { HooklineError } from "../../runtime/core/errors.ts";
import { asHooklineError } from "../../runtime/core/network-errors.ts";
import { createNetwork, type Network, type NetworkOptions } from "../../runtime/core/network.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

function network(options: Partial<NetworkOptions> = {}): Network {
  const made = createNetwork({ allowPrivate: false, allow: [], trusted: [], ...options });
  open.push(made);
  return made;
}

async function serve(listener: RequestListener): Promise<{ url: string; port: number; hits: () => number }> {
  let hits = 0;
  const server: Server = createServer((req, res) => {
    hits++;
    listener(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, port, hits: () => hits };
}

const quick = { method: "GET", deadlineMs: 2_000, maxBytes: 65_536 };

describe("the URL check at save time", () => {
  it.each([
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0177.1/",
    "http://0/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:53aa:64c:0:fbff:80ff:fffe]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[ff02::1]/",
    "http://[5f00::1]/",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://192.0.2.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://127。0。0。1/",
    "http://ⓛocalhost/",
    "http://localhost/",
    "http://localhost./",
    "http://a.localhost/",
    "http://metadata.google.internal/",
    "http://printer.local/",
  ])("refuses the private address in %s", (url) => {
    expect(() => network().assertUrlAllowed(url)).toThrow(
      expect.objectContaining({ code: "invalid_url", message: expect.stringContaining("leads to a private address") }),
    );
  });

  it.each([
    ["file:///etc/passwd", 'has the scheme "file:"'],
    ["gopher://example.com/", 'has the scheme "gopher:"'],
    ["https://user:pass@example.com/", "carries credentials"],
    ["https://example.com:22/", "has port 22"],
    ["https://example.com:25/", "has port 25"],
    ["https://example.com:6667/", "has port 6667"],
    ["http://exa%00mple.com/", "cannot be parsed"],
    ["http://[fe80::1%25eth0]/", "cannot be parsed"],
    ["not a url", "cannot be parsed"],
  ])("refuses %s", (url, message) => {
    expect(() => network().assertUrlAllowed(url)).toThrow(
      expect.objectContaining({ code: "invalid_url", message: expect.stringContaining(message) }),
    );
  });

  it("does not repeat credentials in its message", () => {
    expect(() => network().assertUrlAllowed("https://user:hunter2@example.com/")).not.toThrow(/hunter2/);
  });

  it.each([
    "https://example.com/hook",
    "http://8.8.8.8/",
    "https://[2606:4700::1111]/",
    "https://example.com:8443/",
    "https://bücher.example/",
  ])("allows %s", (url) => {
    expect(network().assertUrlAllowed(url)).toBeInstanceOf(URL);
  });

  it("allows a private address in an allowed range, in its mapped form too, and no other", () => {
    const some = network({ allow: ["10.1.0.0/16", "fd00::/8"] });
    for (const url of ["http://10.1.2.3/", "http://[::ffff:10.1.2.3]/", "http://[fd00::1]/"])
      expect(some.assertUrlAllowed(url)).toBeInstanceOf(URL);
    expect(() => some.assertUrlAllowed("http://10.2.0.1/")).toThrow(/leads to a private address/);
  });

  it("refuses a range that is none, naming it", () => {
    expect(() => network({ allow: ["10.0.0.0/8", "10.1"] })).toThrow(
      expect.objectContaining({
        code: "invalid_config",
        message: 'network.allow[1]: "10.1" is not a CIDR range; write it like 10.1.0.0/16',
      }),
    );
  });
});

describe("the address check on connecting", () => {
  const refusal = {
    code: "host_not_allowed",
    message: expect.stringMatching(/^rebind\.example leads to a private address/),
  };

  it("refuses a name that leads to a private address, and never dials", async () => {
    const server = await serve((_req, res) => res.end());
    const sent = network({ resolve: async () => [{ address: "127.0.0.1", family: 4 }] }).request(
      `http://rebind.example:${server.port}/`,
      quick,
    );
    await expect(sent).rejects.toMatchObject(refusal);
    expect(server.hits()).toBe(0);
  });

  it("refuses a name with one private address among public ones", async () => {
    const resolve = async () => [
      { address: "93.184.216.34", family: 4 },
      { address: "::ffff:10.0.0.1", family: 6 },
    ];
    await expect(network({ resolve }).request("http://rebind.example/", quick)).rejects.toMatchObject(refusal);
  });

  it("asks for the addresses once per connection, so that nothing can change between check and connect", async () => {
    const server = await serve((_req, res) => res.end("ok"));
    let asked = 0;
    const resolve = async () => [{ address: asked++ === 0 ? "127.0.0.1" : "10.255.255.1", family: 4 }];
    const answer = await network({ allow: ["127.0.0.0/8"], resolve }).request(
      `http://rebind.example:${server.port}/`,
      quick,
    );
    expect([answer.status, asked]).toEqual([200, 1]);
  });

  it("trusts exactly the host and port an operator named", async () => {
    const server = await serve((_req, res) => res.end("ok"));
    const other = await serve((_req, res) => res.end("ok"));
    const net = network({ trusted: [`127.0.0.1:${server.port}`] });
    expect((await net.request(server.url, quick)).status).toBe(200);
    await expect(net.request(other.url, quick)).rejects.toMatchObject({ code: "invalid_url" });
    expect(other.hits()).toBe(0);
  });
});

describe("a request", () => {
  const local = () => network({ allowPrivate: true });

  it("gives the answer of any status with its headers and bytes", async () => {
    const server = await serve((req, res) => {
      res.writeHead(418, { "x-method": req.method!, "set-cookie": ["a=1", "b=2"] });
      res.end("teapot");
    });
    const answer = await local().request(server.url, { ...quick, method: "POST", body: "x" });
    expect(answer).toMatchObject({ status: 418, headers: { "x-method": "POST", "set-cookie": "a=1, b=2" } });
    expect(answer.body.toString()).toBe("teapot");
  });

  it("does not follow redirects", async () => {
    const inner = await serve((_req, res) => res.end("inner"));
    const server = await serve((_req, res) => void res.writeHead(302, { location: inner.url }).end());
    expect((await local().request(server.url, quick)).status).toBe(302);
    expect(inner.hits()).toBe(0);
  });

  it.each<[string, RequestListener]>([
    ["never answers", () => {}],
    [
      "drips",
      (_req, res) => {
        res.writeHead(200);
        const timer = setInterval(() => res.write("x"), 20);
        res.on("close", () => clearInterval(timer));
      },
    ],
  ])("ends at the deadline when the server %s", async (_how, listener) => {
    const server = await serve(listener);
    await expect(local().request(server.url, { ...quick, deadlineMs: 150 })).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining("no complete answer within 150 ms"),
    });
  });

  const endless: RequestListener = (_req, res) => {
    const chunk = Buffer.alloc(65_536, 120);
    const push = () => {
      while (!res.destroyed && res.write(chunk));
      if (!res.destroyed) res.once("drain", push);
    };
    push();
  };

  it("fails on an endless answer", async () => {
    const server = await serve(endless);
    await expect(local().request(server.url, { ...quick, maxBytes: 100_000 })).rejects.toMatchObject({
      code: "too_large",
      message: `127.0.0.1:${server.port}: the answer is longer than 100000 bytes; ask for less at once`,
    });
  });

  it("keeps the beginning of an endless answer when asked to cut", async () => {
    const server = await serve(endless);
    const answer = await local().request(server.url, { ...quick, maxBytes: 100_000, overflow: "cut" });
    expect(answer.body.length).toBe(100_000);
  });

  it("unpacks compressed answers when asked", async () => {
    const server = await serve((req, res) => {
      const brotli = req.url === "/br";
      res.writeHead(200, { "content-encoding": brotli ? "br" : "gzip" });
      res.end(brotli ? brotliCompressSync("hello") : gzipSync("hello"));
    });
    for (const path of ["br", "gzip"]) {
      expect((await local().request(server.url + path, { ...quick, unpack: true })).body.toString()).toBe("hello");
    }
    expect((await local().request(server.url, quick)).body).toEqual(gzipSync("hello"));
  });

  it("does not let a small answer unpack to a huge one", async () => {
    const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024));
    const server = await serve((_req, res) => void res.writeHead(200, { "content-encoding": "gzip" }).end(bomb));
    await expect(local().request(server.url, { ...quick, unpack: true })).rejects.toMatchObject({ code: "too_large" });
  });

  it("says that a refused connection was never sent", async () => {
    const server = await serve(() => {});
    await open.pop()!.close();
    await expect(local().request(server.url, quick)).rejects.toMatchObject({
      code: "network",
      message: `127.0.0.1:${server.port}: cannot connect (ECONNREFUSED); try again later`,
      data: { sent: false },
    });
  });

  it("says that an unknown name was never sent", async () => {
    const resolve = async () => {
      throw Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" });
    };
    await expect(network({ resolve }).request("http://gone.example/", quick)).rejects.toMatchObject({
      code: "network",
      data: { sent: false, reason: "ENOTFOUND" },
    });
  });

  it.each(["reset", "cut short"])(
    "says that a request may have been executed when the connection is %s",
    async (how) => {
      const server = createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () => {
          if (how === "reset") socket.resetAndDestroy();
          else socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
        });
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      open.push(server);
      const { port } = server.address() as AddressInfo;
      await expect(local().request(`http://127.0.0.1:${port}/`, quick)).rejects.toMatchObject({
        code: "network",
        data: { sent: true },
      });
    },
  );

  it("ends in time while it waits for a connection, and says whether it was sent", async () => {
    const { url, hits } = await serve(() => {});
    const { request } = network({ allowPrivate: true });
    const post = (deadlineMs: number) =>
      request(url, { ...quick, method: "POST", body: "a=b", deadlineMs, noticesSending: true }).catch(
        ({ code, data }: HooklineError) => ({ code, data }),
      );
    const answers = [...Array.from({ length: 64 }, () => post(1_500)), post(300)];
    expect(await answers.pop()).toEqual({ code: "timeout", data: { sent: false } });
    expect(await answers.pop()).toEqual({ code: "timeout", data: { sent: true } });
    await Promise.all(answers);
    expect(hits()).toBe(64);
  });

  it("ends with the caller's reason when the caller aborts", async () => {
    const server = await serve(() => {});
    const stop = new AbortController();
    const sent = local().request(server.url, { ...quick, signal: stop.signal });
    stop.abort(new Error("stopping"));
    await expect(sent).rejects.toThrow("stopping");
  });

  it("never shows path or query in its errors", async () => {
    await expect(local().request("http://127.0.0.1:9/secret-path?token=canary", quick)).rejects.not.toThrow(
      /canary|secret-path/,
    );
  });
});

describe("a failure of a connection", () => {
  it("is no proof that the request never left, whatever its code", () => {
    for (const code of ["ERR_SSL_BAD_RECORD_TYPE", "ENETUNREACH"]) {
      const error = asHooklineError(Object.assign(new Error("lost"), { code }), new URL("https://a.example"), 1);
      expect(error.data).toEqual({ reason: code, sent: true });
    }
  });
});
