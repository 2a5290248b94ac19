import { statSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Bytes } from '../../types.ts'
import { failed } from './failure.ts'

/** Written into the file's header (sqlite.org/pragma.html#pragma_application_id): 'LKCR'. */
const APPLICATION = 0x4c4b4352
const FORMAT = 1

export interface Row {
  readonly value: Bytes
  readonly version: string
}

/** One open records database. Each write is one statement, so one transaction of its own, on disk when it returns. */
export interface Database {
  /** False once the file at the path is another one, or gone. */
  current(): boolean
  read(key: string): Row | undefined
  create(key: string, value: Uint8Array, version: string): boolean
  replace(key: string, value: Uint8Array, version: string, ifVersion: string): boolean
  remove(key: string, ifVersion: string | undefined): boolean
  close(): void
}

/** node:sqlite, where this runtime has it. */
export function sqlite(): typeof import('node:sqlite') {
  const module = process.getBuiltinModule('node:sqlite')
  if (!module) {
    throw failed(
      'unavailable',
      '`node:sqlite` is missing here: it comes with Node 22.13, Deno 2.2 and Bun 1.4, or later ones.',
    )
  }
  return module
}

export function openDatabase(path: string): Database {
  const { DatabaseSync: Connection } = sqlite()
  const db = new Connection(path)
  try {
    prepare(db, path)
    return bound(db, path)
  } catch (error) {
    db.close()
    throw error
  }
}

function prepare(db: DatabaseSync, path: string): void {
  // One snapshot: another process may be making the database at this moment.
  db.exec('PRAGMA busy_timeout = 0; BEGIN')
  const [application, format] = [pragma(db, 'application_id'), pragma(db, 'user_version')]
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number }
  db.exec('COMMIT')
  if (application !== APPLICATION && (application || tables.count)) {
    throw failed('corrupt', `${path} is a database of something else. Give another \`path\`.`)
  }
  if (format > FORMAT) {
    throw failed('unavailable', `${path} was made by a newer Latchkey. Update this one.`)
  }
  // What is deleted is overwritten; on a Mac only a full sync reaches the disk.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA secure_delete = ON')
  if (format === FORMAT) return
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS record (id TEXT NOT NULL UNIQUE, value BLOB NOT NULL, version TEXT NOT NULL) STRICT;
    PRAGMA application_id = ${APPLICATION};
    PRAGMA user_version = ${FORMAT};
    COMMIT`)
}

function bound(db: DatabaseSync, path: string): Database {
  const file = fileAt(path)
  const read = db.prepare('SELECT value, version FROM record WHERE id = ?')
  // Every id is in the table and in its index: one found in the first alone was not absent, but is damaged in the second.
  const unindexed = 'SELECT 1 FROM record NOT INDEXED WHERE id = ?1'
  const stray = db.prepare(unindexed)
  const create = db.prepare(
    `INSERT INTO record (id, value, version) SELECT ?1, ?2, ?3 WHERE NOT EXISTS (${unindexed}) ON CONFLICT DO NOTHING`,
  )
  const replace = db.prepare('UPDATE record SET value = ?, version = ? WHERE id = ? AND version = ?')
  const remove = db.prepare('DELETE FROM record WHERE id = ?')
  const removeIf = db.prepare('DELETE FROM record WHERE id = ? AND version = ?')
  return {
    current: () => fileAt(path) === file,
    read(key) {
      let row = read.get(key)
      // What is in the table only was damaged, or written between the two looks: one snapshot tells.
      if (!row && stray.get(key)) row = snapshot(() => read.get(key) ?? (stray.get(key) ? {} : undefined))
      const whole = !row || (row.value instanceof Uint8Array && typeof row.version === 'string')
      if (!whole) throw failed('corrupt', `${path} is damaged. Nothing was changed: restore it.`)
      return row as Row | undefined
    },
    create: (key, value, version) => changed(create, key, value, version),
    replace: (key, value, version, ifVersion) => changed(replace, value, version, key, ifVersion),
    remove(key, ifVersion) {
      const removed = ifVersion === undefined ? changed(remove, key) : changed(removeIf, key, ifVersion)
      if (removed) emptyLog(db)
      return removed
    },
    close: () => db.close(),
  }

  function snapshot<T>(look: () => T): T {
    db.exec('BEGIN')
    try {
      return look()
    } finally {
      db.exec('COMMIT')
    }
  }
}

/** The old values leave the write-ahead log too, unless somebody is reading them just now. */
function emptyLog(db: DatabaseSync): void {
  try {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // The record is gone either way.
  }
}

function changed(statement: StatementSync, ...values: (string | Uint8Array)[]): boolean {
  return Number(statement.run(...values).changes) > 0
}

function pragma(db: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return (db.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[name] as number
}

/** Names the file that stands there now. Windows keeps an open file in its place. */
function fileAt(path: string): string | undefined {
  if (process.platform === 'win32') return path
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}`
}
