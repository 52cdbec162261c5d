// What the commands of a store in memory share.

import { resolveId } from '../apply/apply.ts'
import type { CommandResult, Made } from '../commands.ts'
import type { BlobRef } from '../nouns/bodies.ts'
import type { SpecialUse } from '../nouns/mail.ts'
import type { Box, Person, State } from './state.ts'

const UID_VALIDITY = 'uidvalidity.last'

export function resolved(state: State, id: number | Made, made: readonly CommandResult[]): Person | undefined {
  const which = resolveId(id, made)
  return which === undefined ? undefined : state.people.get(which)
}

export function addBox(state: State, person: Person, path: string, specialUse: SpecialUse | null, nowMs: number): Box {
  // Always more than any before, as apply/mailboxes.ts has it.
  const uidValidity = Math.max(Number(state.settings.get(UID_VALIDITY) ?? 0) + 1, Math.floor(nowMs / 1000), 1)
  state.settings.set(UID_VALIDITY, String(uidValidity))
  const { modseq } = person
  const counts = { uidNext: 1, highestModseq: modseq, modseq, total: 0, unseen: 0, sizeBytes: 0 }
  const box: Box = { id: person.nextId++, path, specialUse, uidValidity, ...counts, placements: [] }
  person.boxes.set(box.id, box)
  return box
}

/** One more names the body. False: it is nowhere. */
export function nameBody(state: State, { hash }: BlobRef): boolean {
  const body = state.bodies.get(hash)
  if (body === undefined) return false
  body.refs++
  state.unnamed.delete(hash)
  return true
}

/** One fewer names the body. */
export function releaseBody(state: State, { hash }: BlobRef, nowMs: number): void {
  const body = state.bodies.get(hash)
  if (body === undefined || --body.refs > 0) return
  state.unnamed.set(hash, nowMs)
}
