/**
 * One PostgreSQL for all tests of a run: the one at `DATABASE_URL`, or one that starts when a test first asks for it and
 * ends with the run. A run that needs none pays for none.
 */
import { createServer, type ServerResponse } from "node:http";
import type { TestProject } from "vitest/node";
import { listen } from "./fixtures/listen.ts";
import { startPostgres, type PostgresServer } from "./postgres-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where a test asks for the URL of the server, `/server`, or of an unused database with a store's tables, `/template`. */
    postgres: string;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  let own: Promise<PostgresServer> | undefined;
  let template: Promise<string> | undefined;
  const server = async (): Promise<string> => process.env.DATABASE_URL || (await (own ??= startPostgres())).url;
  const answers: Record<string, () => Promise<string>> = {
    "/server": server,
    "/template": () =>
      (template ??= (async () => {
        const { createTemplate } = await import("./postgres-template.ts");
        return createTemplate(await server());
      })()),
  };
  const asked = await listen(createServer((request, response) => void answer(response, answers[request.url!]!())));
  project.provide("postgres", asked.url);
  return async () => {
    await asked.stop();
    if (template !== undefined && own === undefined) {
      const { dropDatabase } = await import("./postgres-template.ts");
      await dropDatabase(await template);
    }
    await (await own)?.stop();
  };
}

async function answer(response: ServerResponse, url: Promise<string>): Promise<void> {
  try {
    response.end(await url);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}
