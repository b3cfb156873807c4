import type { Sql } from "../../store/database.ts";

/** A flow template of the workspace's own, as JSON text. */
export interface TemplateRow {
  id: string;
  version: string;
  template: string;
  createdAt: number;
  updatedAt: number;
}

interface Row {
  id: string;
  version: string;
  template: string;
  created_at: number;
  updated_at: number;
}

const fromRow = (row: Row): TemplateRow => ({
  id: row.id,
  version: row.version,
  template: row.template,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Inserts it, or replaces the version before. */
export async function putTemplate(sql: Sql, row: TemplateRow): Promise<void> {
  await sql.run(
    `insert into flow_templates (id, version, template, created_at, updated_at) values (?, ?, ?, ?, ?)
     on conflict (id) do update set version = excluded.version, template = excluded.template, updated_at = excluded.updated_at`,
    [row.id, row.version, row.template, row.createdAt, row.updatedAt],
  );
}

export async function findTemplate(sql: Sql, id: string): Promise<TemplateRow | undefined> {
  const row = await sql.get<Row>("select * from flow_templates where id = ?", [id]);
  return row && fromRow(row);
}

export async function allTemplates(sql: Sql): Promise<TemplateRow[]> {
  return (await sql.all<Row>("select * from flow_templates order by id")).map(fromRow);
}

/** Returns whether there was one. */
export async function deleteTemplate(sql: Sql, id: string): Promise<boolean> {
  return (await sql.run("delete from flow_templates where id = ?", [id])) === 1;
}
