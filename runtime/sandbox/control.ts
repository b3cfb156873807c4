import express from "express";
import type { ErrorRequestHandler, Router } from "express";
import { ERROR_CODES, HooklineError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import {
  accountOf,
  bareId,
  found,
  idOf,
  invalid,
  list,
  optionalText,
  text,
  unknownRoute,
  wholeNumber,
} from "./control-input.ts";
import type { Body, Handler } from "./control-input.ts";
import { calendarControl } from "./google/calendar/control.ts";
import { gmailControl } from "./google/gmail/control.ts";
import { tasksControl } from "./google/tasks/control.ts";
import { makeEdits, readSubjects } from "./edits.ts";
import type { Simulation } from "./edits.ts";
import { FAULT_KINDS } from "./faults.ts";
import type { FaultBoard, FaultSpec } from "./faults.ts";
import { GoogleApiError } from "./google/errors.ts";
import type { Account, Google } from "./google/google.ts";
import type { GoogleSettings } from "./google/settings.ts";
import { READ_MASK, readContactFields } from "./google/people/fields.ts";
import type { ContactFields, Person } from "./google/people/fields.ts";
import { groupResourceName } from "./google/people/groups.ts";
import { contactResourceName, renderPerson } from "./google/people/person.ts";
import { hash32, Random } from "./random.ts";
import type { RequestLog } from "./routes.ts";

export interface Controlled {
  google: Google;
  faults: FaultBoard;
  requests: RequestLog;
  simulation: Simulation;
  seed: number;
}

/**
 * The control API: what a person does at the vendor, and what goes wrong there, over HTTP. JSON in, JSON out, no
 * authentication. Where a body takes `account`, leaving it out means the first account.
 */
export function controlRouter(controlled: Controlled): Router {
  const router = express.Router();
  const handlers = {
    ...stateHandlers(controlled),
    ...peopleHandlers(controlled),
    ...tasksControl(controlled.google),
    ...calendarControl(controlled.google),
    ...gmailControl(controlled.google),
  };
  for (const [route, handler] of Object.entries(handlers)) {
    const [method, path] = route.split(" ") as ["get" | "post" | "patch" | "delete", string];
    router[method](path, (request, response) => {
      const body = isObject(request.body) ? request.body : {};
      response.json(handler({ ...request.query, ...body }, request) ?? {});
    });
  }
  router.get("/", ({ baseUrl }, response) => {
    const routes = Object.keys(handlers).map((route) =>
      route.replace(/^(\w+) /, (_, method: string) => `${method.toUpperCase()} ${baseUrl}`),
    );
    response.json({ routes: [...routes, `GET ${baseUrl}/highlevel`], faults: FAULT_KINDS });
  });
  router.use(unknownRoute);
  router.use(answerError);
  return router;
}

function stateHandlers({ google, faults, requests, simulation, seed }: Controlled): Record<string, Handler> {
  return {
    "get /state": () => ({
      accounts: [...google.accounts.values()].map(describeAccount),
      grants: google.oauth,
      settings: google.settings,
      faults,
      requests,
      simulating: simulation.running,
    }),
    "get /requests": () => requests,
    "delete /requests": () => requests.reset(),
    "post /settings": (body) => changeSettings(google.settings, body),
    "get /faults": () => faults,
    "post /faults": (body) => {
      faults.add(body as unknown as FaultSpec);
      return faults;
    },
    "delete /faults": () => faults.clear(),
    "post /expire-sync-tokens": (body) => google.expireSyncTokens(optionalText(body, "account")),
    "post /expire-access-tokens": (body) => google.oauth.expireAccessTokens(optionalText(body, "account")),
    "post /revoke": (body) => ({ revoked: google.oauth.revokeAccount(accountOf(google, body).email) }),
    "post /simulate": (body) => {
      if (body.stop === true) simulation.stop();
      else {
        const [everyMs, from] = [wholeNumber(body, "everyMs", 3000), wholeNumber(body, "seed", seed)];
        simulation.start(accountOf(google, body), everyMs, from, readSubjects(body.of));
      }
      return { simulating: simulation.running };
    },
  };
}

function peopleHandlers({ google, seed }: Controlled): Record<string, Handler> {
  return {
    "post /accounts": (body) => {
      const email = text(body, "email");
      const account = google.addAccount({
        email,
        contacts: wholeNumber(body, "contacts", 0),
        otherContacts: body.otherContacts === undefined ? undefined : wholeNumber(body, "otherContacts", 0),
        seed: wholeNumber(body, "seed", hash32(seed, email)),
      });
      return describeAccount(account);
    },
    "post /edits": (body) => {
      const random = new Random(wholeNumber(body, "seed", seed), "edits");
      return {
        edits: makeEdits(accountOf(google, body), wholeNumber(body, "count", 1), random, readSubjects(body.of)),
      };
    },
    "post /touch": (body) => ({ touched: accountOf(google, body).people.touchAll() }),
    "post /contacts": (body) => {
      const { people } = accountOf(google, body);
      return render(people.createContact(readShorthand(body), readGroupIds(body)));
    },
    "get /contacts/:id": (body, request) => {
      return render(found(accountOf(google, body).people.contacts.get(idOf(request)), request));
    },
    "patch /contacts/:id": (body, request) => {
      const { people } = accountOf(google, body);
      const before = found(people.contacts.get(idOf(request)), request);
      const groups = readGroupIds(body) ?? before.value.groups;
      return render(
        people.changeContact(before.id, { fields: { ...before.value.fields, ...readShorthand(body) }, groups })!,
      );
    },
    "delete /contacts/:id": (body, request) => {
      found(accountOf(google, body).people.deleteContact(idOf(request)) || undefined, request);
    },
    "post /contacts/:id/rename": (body, request) => {
      return render(found(accountOf(google, body).people.renameContact(idOf(request)), request));
    },
    "post /groups": (body) => {
      const { id, value } = accountOf(google, body).people.createGroup(text(body, "name"));
      return { resourceName: groupResourceName(id), name: value.name };
    },
    "patch /groups/:id": (body, request) => {
      const change = { name: text(body, "name") };
      const { id, value } = found(accountOf(google, body).people.changeGroup(idOf(request), change), request);
      return { resourceName: groupResourceName(id), name: value.name };
    },
    "delete /groups/:id": (body, request) => {
      const { people } = accountOf(google, body);
      found(people.deleteGroup(idOf(request), String(body.deleteContacts) === "true") || undefined, request);
    },
    "post /groups/:id/members": (body, request) => {
      const { people } = accountOf(google, body);
      found(people.groups.get(idOf(request)), request);
      for (const name of list(body, "add")) people.joinGroup(bareId(name), idOf(request));
      for (const name of list(body, "remove")) people.leaveGroup(bareId(name), idOf(request));
      return { memberCount: people.memberCount(idOf(request)) };
    },
    "post /other-contacts": (body) => {
      const { id } = accountOf(google, body).people.createOther(readShorthand(body));
      return { resourceName: contactResourceName("OTHER_CONTACT", id) };
    },
    "delete /other-contacts/:id": (body, request) => {
      found(accountOf(google, body).people.deleteOther(idOf(request)) || undefined, request);
    },
  };
}

/** A contact in short: `givenName`, `familyName`, `email`, `phone`, `company`, `note`; or `person` as the API takes it. */
function readShorthand(body: Body): ContactFields {
  const person: Body = isObject(body.person) ? { ...body.person } : {};
  const { givenName, familyName } = body;
  if (givenName !== undefined || familyName !== undefined) person.names = [{ givenName, familyName }];
  if (body.email !== undefined) person.emailAddresses = [{ value: body.email, type: "home" }];
  if (body.phone !== undefined) person.phoneNumbers = [{ value: body.phone, type: "mobile" }];
  if (body.company !== undefined) person.organizations = [{ name: body.company, type: "work" }];
  if (body.note !== undefined) person.biographies = [{ value: body.note, contentType: "TEXT_PLAIN" }];
  return readContactFields(person);
}

function readGroupIds(body: Body): string[] | undefined {
  return body.groups === undefined ? undefined : list(body, "groups").map(bareId);
}

function render(version: Parameters<typeof renderPerson>[0]): Person {
  return renderPerson(version, "CONTACT", { fields: READ_MASK, sources: ["CONTACT"] });
}

function describeAccount({ email, people, tasks, calendars, mailbox }: Account): object {
  const { contacts, others, groups } = people;
  return {
    email,
    contacts: contacts.size,
    otherContacts: others.size,
    groups: groups.size,
    tasks: tasks.tasks.size,
    events: [...calendars.calendars.values()].reduce((sum, { events }) => sum + events.size, 0),
    messages: mailbox.messages.size,
  };
}

function changeSettings(settings: GoogleSettings, body: Body): GoogleSettings {
  for (const [name, value] of Object.entries(body)) {
    const current = Object.hasOwn(settings, name) ? settings[name as keyof GoogleSettings] : undefined;
    if (current === undefined || typeof value !== typeof current) {
      throw invalid(
        `settings: "${name}" is no setting or has the wrong type; settings are ${JSON.stringify(settings)}.`,
      );
    }
  }
  return Object.assign(settings, body);
}

const answerError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (error instanceof HooklineError) {
    response.status(ERROR_CODES[error.code].status).json({ code: error.code, message: error.message });
  } else if (error instanceof GoogleApiError) response.status(error.status).json(error.body);
  else next(error);
};
