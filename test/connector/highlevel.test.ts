import { describeConnector, type TriggerCase } from "../contract/connector.ts";
import samples from "../../connector/highlevel/samples.json" with { type: "json" };
import type { World } from "../contract/world.ts";
import { control, openHighLevel } from "./highlevel-world.ts";

const contactId = samples.contact.id;
const otherId = samples.relation.secondRecordId;
const calendarId = samples.calendar.id;
const appointmentId = samples.appointment.id;
const conversationId = samples.conversation.id;
const opportunityId = samples.opportunity.id;
const DAY_MS = 86_400_000;

const post = (path: string, body: object) => (world: World) => control(world, "POST", path, body);
const patch = (path: string, body: object) => (world: World) => control(world, "PATCH", path, body);
const remove = (path: string) => (world: World) => control(world, "DELETE", path);
const run =
  (action: string, input: object = {}) =>
  (world: World) =>
    world.run(action, input);
const agency = () => openHighLevel("Company");

const tag = run("add_tags_to_contact", { contactId, tags: ["engine"] });
const otherContact = run("update_contact", { contactId: otherId, city: "Lyon" });
const task = (owner: string) =>
  run("create_contact_task", { contactId: owner, title: "Write", dueDate: "2030-01-01T00:00:00Z" });
const note = (owner: string) => run("create_contact_note", { contactId: owner, body: "Likes looms" });
const book =
  (more: object = {}) =>
  (world: World) =>
    world.run("create_appointment", {
      calendarId,
      contactId,
      startTime: new Date(world.clock.now() + 3 * DAY_MS).toISOString(),
      ...more,
    });
const retitle = run("update_appointment", { eventId: appointmentId, title: "Another title" });
const sms = (body: string, more: object = {}) => post("/messages", { contactId, body, ...more });
const create = (name: string) =>
  run("create_opportunity", { name, pipelineId: samples.pipeline.id, contactId: otherId, monetaryValue: 1 });
const move = (changes: object) => run("update_opportunity", { opportunityId, ...changes });
const call = "wS9hWnJ4dXzLq2TgYb7P";
const { _id: authorId } = samples.blog_author;
const { _id: categoryId } = samples.blog_category;
const { _id: postId } = samples.blog_post;

const triggers: Record<string, TriggerCase> = {
  get_contact: { input: { contactId }, change: tag, unrelated: otherContact },
  search_contacts: { change: tag, unrelated: task(contactId) },
  get_contacts_by_business: {
    input: { businessId: samples.business.id },
    change: run("bulk_business_update", { ids: [otherId], businessId: samples.business.id }),
    unrelated: otherContact,
  },
  get_duplicate_contact: {
    input: { email: samples.contact.email },
    change: run("update_contact", { contactId, email: "countess@example.com" }),
    unrelated: otherContact,
  },
  get_contact_appointments: { input: { contactId }, change: retitle, unrelated: book({ contactId: otherId }) },
  get_contact_tasks: { input: { contactId }, change: task(contactId), unrelated: task(otherId) },
  get_contact_task_by_id: {
    input: { contactId, taskId: samples.task.id },
    change: run("complete_contact_task", { contactId, taskId: samples.task.id }),
    unrelated: task(contactId),
  },
  get_contact_notes: { input: { contactId }, change: note(contactId), unrelated: note(otherId) },
  get_contact_note_by_id: {
    input: { contactId, noteId: samples.note.id },
    change: run("update_contact_note", { contactId, noteId: samples.note.id, body: "Prefers noon" }),
    unrelated: note(contactId),
  },
  list_contacts_deprecated: { change: tag, unrelated: task(contactId) },
  contact_created: {
    change: run("create_contact", { firstName: "Grace", email: "grace@example.com" }),
    unrelated: tag,
  },
  contact_updated: {
    change: otherContact,
    unrelated: run("create_contact", { firstName: "Grace", email: "grace@example.com" }),
  },
  contact_tag_added: {
    input: { tag: "engine" },
    change: tag,
    unrelated: run("add_tags_to_contact", { contactId, tags: ["loom"] }),
  },
  contact_tag_removed: { change: run("remove_tags_from_contact", { contactId, tags: ["vip"] }), unrelated: tag },
  contact_deleted: { change: run("delete_contact", { contactId: otherId }), unrelated: tag },
  task_created: {
    change: task(otherId),
    unrelated: run("update_contact_task", { contactId, taskId: samples.task.id, title: "Ring" }),
  },
  task_completed: {
    change: run("complete_contact_task", { contactId, taskId: samples.task.id }),
    unrelated: run("update_contact_task", { contactId, taskId: samples.task.id, title: "Ring" }),
  },
  note_created: {
    input: { contactId },
    change: note(contactId),
    unrelated: run("update_contact_note", { contactId, noteId: samples.note.id, body: "Prefers noon" }),
  },

  list_calendar_groups: {
    change: run("create_calendar_group", { name: "Talks", description: "", slug: "talks" }),
    unrelated: book(),
  },
  list_calendars: { change: run("create_calendar", { name: "Garden" }), unrelated: book() },
  get_calendar_by_id: {
    input: { calendarId },
    change: run("update_calendar", { calendarId, name: "Great hall" }),
    unrelated: run("create_calendar", { name: "Garden" }),
  },
  get_free_slots: {
    input: { calendarId },
    change: run("delete_event", { eventId: appointmentId }),
    unrelated: retitle,
  },
  list_calendar_events: {
    input: { calendarId },
    change: retitle,
    unrelated: run("create_calendar", { name: "Garden" }),
  },
  list_blocked_slots: {
    input: { calendarId },
    change: run("update_block_slot", { eventId: samples.blocked_slot.id, calendarId, title: "Long holiday" }),
    unrelated: retitle,
  },
  get_appointment: { input: { eventId: appointmentId }, change: retitle, unrelated: book() },
  list_appointment_notes: {
    input: { appointmentId },
    change: run("create_appointment_note", { appointmentId, body: "Bring chalk" }),
    unrelated: retitle,
  },
  list_calendar_notifications: {
    input: { calendarId },
    change: run("update_notification", { calendarId, notificationId: samples.notification._id, subject: "See you" }),
    unrelated: retitle,
  },
  get_calendar_notification: {
    input: { calendarId, notificationId: samples.notification._id },
    change: run("delete_notification", { calendarId, notificationId: samples.notification._id }),
    unrelated: retitle,
  },
  list_calendar_resources: {
    input: { resourceType: "rooms" },
    change: run("update_calendar_resource", { resourceType: "rooms", resourceId: samples.resource.id, capacity: 14 }),
    unrelated: run("update_calendar_resource", {
      resourceType: "equipments",
      resourceId: "64b8e2c9f3d4a5b6c7d8e9f1",
      quantity: 3,
    }),
  },
  get_calendar_resource: {
    input: { resourceType: "rooms", resourceId: samples.resource.id },
    change: run("update_calendar_resource", { resourceType: "rooms", resourceId: samples.resource.id, capacity: 14 }),
    unrelated: run("create_calendar_resource", {
      resourceType: "rooms",
      name: "Attic",
      description: "",
      calendarIds: [calendarId],
    }),
  },
  appointment_created: { change: book(), unrelated: retitle },
  appointment_updated: { change: retitle, unrelated: book() },
  appointment_cancelled: {
    change: run("update_appointment", { eventId: appointmentId, appointmentStatus: "cancelled" }),
    unrelated: run("update_appointment", { eventId: appointmentId, appointmentStatus: "showed" }),
  },

  search_opportunities: { input: { status: "open" }, change: move({ name: "Engine no. 2" }), unrelated: tag },
  get_opportunity: { input: { opportunityId }, change: move({ monetaryValue: 1800 }), unrelated: create("Loom") },
  list_pipelines: { change: patch(`/pipelines/${samples.pipeline.id}`, { name: "Looms" }), unrelated: create("Loom") },
  opportunity_created: { change: create("Loom"), unrelated: move({ monetaryValue: 1800 }) },
  opportunity_status_changed: {
    input: { status: "won" },
    change: run("update_opportunity_status", { opportunityId, status: "won" }),
    unrelated: run("update_opportunity_status", { opportunityId, status: "abandoned" }),
  },
  opportunity_stage_changed: {
    change: move({ pipelineStageId: samples.pipeline.stages[1]!.id }),
    unrelated: move({ monetaryValue: 1800 }),
  },

  search_users: { change: run("update_user", { userId: samples.user.id, lastName: "Greig" }) },
  filter_users_by_email: {
    open: agency,
    input: { emails: [samples.user.email] },
    change: run("update_user", { userId: samples.user.id, lastName: "Greig" }),
    unrelated: run("update_user", { userId: "qTwSmVNr4LcJb0hZkY2f", lastName: "F." }),
  },
  get_user: {
    input: { userId: samples.user.id },
    change: run("update_user", { userId: samples.user.id, lastName: "Greig" }),
    unrelated: run("update_user", { userId: "qTwSmVNr4LcJb0hZkY2f", lastName: "F." }),
  },
  list_users_by_location: { change: run("delete_user", { userId: "qTwSmVNr4LcJb0hZkY2f" }) },

  search_conversations: { change: sms("And yet"), unrelated: tag },
  get_conversation: {
    input: { conversationId },
    change: patch(`/conversations/${conversationId}`, { starred: true }),
    unrelated: sms("Hello", { contactId: otherId }),
  },
  get_email_by_id: {
    input: { messageId: samples.email.id },
    change: patch(`/emails/${samples.email.id}`, { status: "opened" }),
    unrelated: sms("And yet"),
  },
  get_message_by_id: {
    input: { messageId: samples.message.id },
    change: run("update_message_status", { messageId: samples.message.id, status: "read" }),
    unrelated: sms("And yet"),
  },
  get_messages_by_conversation: {
    input: { conversationId },
    change: sms("And yet"),
    unrelated: sms("Hello", { contactId: otherId }),
  },
  get_message_recording: {
    input: { messageId: samples.message.id },
    change: post(`/recordings/${samples.message.id}`, { content: "UklGRg==" }),
    unrelated: post(`/recordings/${call}`, { content: "UklGRgAA" }),
  },
  get_message_transcription: {
    input: { messageId: call },
    change: post(`/transcriptions/${call}`, { transcript: "It does not work." }),
    unrelated: post(`/transcriptions/${samples.message.id}`, { transcript: "Hello." }),
  },
  download_transcription: {
    input: { messageId: samples.message.id },
    change: post(`/transcriptions/${samples.message.id}`, { transcript: "Hello." }),
    unrelated: post(`/transcriptions/${call}`, { transcript: "It does not work." }),
  },
  conversation_message_received: { change: sms("And yet"), unrelated: sms("Indeed", { direction: "outbound" }) },

  get_business: {
    input: { businessId: samples.business.id },
    change: run("update_business", { businessId: samples.business.id, city: "Lyon" }),
    unrelated: run("create_business", { name: "Looms" }),
  },
  list_businesses_by_location: { change: run("create_business", { name: "Looms" }), unrelated: tag },

  list_workflows: {
    change: patch(`/workflows/${samples.workflow.id}`, { status: "draft", updatedAt: "2030-01-01T00:00:00Z" }),
  },
  list_snapshots: {
    open: agency,
    change: post("/snapshots", { name: "Looms", type: "own" }),
    unrelated: run("create_location", { name: "Lyon works" }),
  },
  list_campaigns: {
    input: { status: "published" },
    change: remove(`/campaigns/${samples.campaign.id}`),
    unrelated: post("/campaigns", { name: "Draft", status: "draft" }),
  },

  list_locations: { change: patch(`/locations/${samples.location.id}`, { name: "Lyon works" }) },
  list_custom_fields: {
    change: post("/customFields", { name: "Hat size", model: "contact" }),
    unrelated: post("/customFields", { name: "Risk", model: "opportunity" }),
  },
  get_company: {
    open: agency,
    change: patch(`/companies/${samples.company.id}`, { plan: 4 }),
    unrelated: run("create_location", { name: "Lyon works" }),
  },
  find_associations: {
    change: run("update_association", {
      associationId: samples.association.id,
      firstObjectLabel: "Tutor",
      secondObjectLabel: "Student",
    }),
  },
  get_association: {
    input: { associationId: samples.association.id },
    change: run("delete_association", { associationId: samples.association.id }),
  },
  get_association_key: {
    input: { keyName: samples.association.key },
    change: run("update_association", {
      associationId: samples.association.id,
      firstObjectLabel: "Tutor",
      secondObjectLabel: "Student",
    }),
  },
  get_association_by_keys: {
    input: { objectKey: "contact" },
    change: run("update_association", {
      associationId: samples.association.id,
      firstObjectLabel: "Tutor",
      secondObjectLabel: "Student",
    }),
  },
  get_relations_by_record: {
    input: { recordId: contactId },
    change: run("delete_relation", { relationId: samples.relation.id }),
    unrelated: run("update_association", {
      associationId: samples.association.id,
      firstObjectLabel: "Tutor",
      secondObjectLabel: "Student",
    }),
  },
  check_blog_url_slug: {
    input: { urlSlug: "a-new-loom" },
    change: patch(`/posts/${postId}`, { urlSlug: "a-new-loom" }),
    unrelated: patch(`/posts/${postId}`, { title: "Looms" }),
  },
  get_blog_authors: { change: patch(`/authors/${authorId}`, { name: "A. L.", updatedAt: "2030-01-01T00:00:00Z" }) },
  get_blog_categories: { change: remove(`/categories/${categoryId}`) },
  get_blog_posts: {
    input: { blogId: samples.blog._id },
    change: patch(`/posts/${postId}`, { title: "Looms", updatedAt: "2030-01-01T00:00:00Z" }),
    unrelated: patch(`/authors/${authorId}`, { name: "A. L." }),
  },
  get_blogs_by_location: { change: patch(`/blogs/${samples.blog._id}`, { name: "Loom notes" }) },
};

await describeConnector("highlevel", {
  open: openHighLevel,
  triggers,
  actions: {
    create_location: { open: agency },
  },
  unrelated: run("update_business", { businessId: samples.business.id, city: "Lyon" }),
});
