import { page, type Call, type Handlers } from "./api.ts";
import { HighLevelError, notFound } from "./errors.ts";
import type { Row } from "./state.ts";

/** Businesses, workflows, campaigns, associations, relations and blogs. */
export const otherHandlers: Handlers = {
  "GET /businesses/": ({ highLevel, query }) => ({
    businesses: page(highLevel.collections.businesses.list(), query.get("skip"), query.get("limit"), 100),
  }),
  "GET /businesses/{businessId}": ({ highLevel, path }) => ({
    business: highLevel.collections.businesses.get(path["businessId"]),
  }),
  // The key is misspelt by HighLevel.
  "POST /businesses/": ({ highLevel, body }) => {
    const stamps = { createdAt: highLevel.now(), updatedAt: highLevel.now() };
    return {
      success: true,
      buiseness: highLevel.collections.businesses.put({ id: highLevel.newObjectId(), ...body, ...stamps }),
    };
  },
  "PUT /businesses/{businessId}": ({ highLevel, path, body }) => {
    const changes = { ...body, updatedAt: highLevel.now() };
    return { success: true, buiseness: highLevel.collections.businesses.change(path["businessId"], changes) };
  },
  "DELETE /businesses/{businessId}": ({ highLevel, path }) => {
    highLevel.collections.businesses.remove(path["businessId"]);
    return { success: true };
  },
  "GET /workflows/": ({ highLevel }) => ({ workflows: highLevel.collections.workflows.list() }),
  "GET /campaigns/": ({ highLevel, query }) => ({
    campaigns: highLevel.collections.campaigns.list({ status: query.get("status") }),
  }),
  "GET /associations/": ({ highLevel, query }) => ({
    associations: page(highLevel.collections.associations.list(), query.get("skip"), query.get("limit"), 20),
  }),
  "GET /associations/{associationId}": ({ highLevel, path }) =>
    highLevel.collections.associations.get(path["associationId"]),
  "GET /associations/key/{key_name}": (call) => byKey(call, "key", call.path["key_name"]!),
  "GET /associations/objectKey/{objectKey}": (call) => byKey(call, "firstObjectKey", call.path["objectKey"]!),
  "POST /associations/": ({ highLevel, body }) => {
    if (highLevel.collections.associations.list({ key: body["key"] }).length > 0) {
      throw new HighLevelError(400, "An association with this key exists already");
    }
    const row = { id: highLevel.newObjectId(), ...body, associationType: "USER_DEFINED" };
    return highLevel.collections.associations.put(row);
  },
  "PUT /associations/{associationId}": ({ highLevel, path, body }) =>
    highLevel.collections.associations.change(path["associationId"], body),
  "DELETE /associations/{associationId}": ({ highLevel, path }) => {
    const { id } = highLevel.collections.associations.remove(path["associationId"]);
    for (const relation of highLevel.collections.relations.list({ associationId: id })) {
      highLevel.collections.relations.remove(String(relation["id"]));
    }
    return { deleted: true, id, message: "Association deleted" };
  },
  "GET /associations/relations/{recordId}": ({ highLevel, path, query }) => {
    const rows = highLevel.collections.relations
      .list()
      .filter((row) => row["firstRecordId"] === path["recordId"] || row["secondRecordId"] === path["recordId"]);
    return { relations: page(rows, query.get("skip"), query.get("limit"), 20), total: rows.length };
  },
  "POST /associations/relations": ({ highLevel, body }) => {
    const { firstObjectKey, secondObjectKey } = highLevel.collections.associations.get(String(body["associationId"]));
    const row = { id: highLevel.newObjectId(), ...body, firstObjectKey, secondObjectKey };
    return highLevel.collections.relations.put(row);
  },
  "DELETE /associations/relations/{relationId}": ({ highLevel, path }) =>
    highLevel.collections.relations.remove(path["relationId"]),
  "GET /blogs/authors": (call) => ({ authors: byOffset(call, call.highLevel.collections.authors.list()) }),
  "GET /blogs/categories": (call) => ({ categories: byOffset(call, call.highLevel.collections.categories.list()) }),
  "GET /blogs/site/all": ({ highLevel, query }) => ({
    data: page(highLevel.collections.blogs.list(), query.get("skip"), query.get("limit"), 20),
  }),
  "GET /blogs/posts/all": (call) => {
    const { highLevel, query } = call;
    const wanted = { blogId: query.get("blogId"), status: query.get("status") };
    return { blogs: byOffset(call, highLevel.collections.posts.list(wanted)) };
  },
  "GET /blogs/posts/url-slug-exists": ({ highLevel, query }) => ({
    exists: highLevel.collections.posts
      .list({ urlSlug: query.get("urlSlug") })
      .some((post) => post["_id"] !== query.get("postId")),
  }),
  "POST /blogs/posts": ({ highLevel, body }) => {
    const { rawHTML: _, ...fields } = body;
    const row = { _id: highLevel.newObjectId(), archived: false, tags: [], ...fields, updatedAt: highLevel.now() };
    return { data: highLevel.collections.posts.put(row) };
  },
  "PUT /blogs/posts/{postId}": ({ highLevel, path, body }) => {
    const { rawHTML: _, ...fields } = body;
    const changes = { ...fields, updatedAt: highLevel.now() };
    return { updatedBlogPost: highLevel.collections.posts.change(path["postId"], changes) };
  },
};

function byOffset({ query }: Call, rows: Row[]): Row[] {
  return page(rows, query.get("offset"), query.get("limit"), 10);
}

function byKey({ highLevel }: Call, name: string, value: string): Row {
  const row = highLevel.collections.associations.list({ [name]: value })[0];
  if (!row) throw notFound("Association", value);
  return row;
}
