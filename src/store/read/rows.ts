// From database rows to the store's nouns.

import type { SqlValue } from '../../world/disk.ts'
import { presentFlags } from '../flags.ts'
import type { BlobRef } from '../nouns/bodies.ts'
import type { Forward, ForwardHealth } from '../nouns/forwarding.ts'
import type { Email, EmailSummary, Mailbox, Placement, SpecialUse } from '../nouns/mail.ts'
import type { StoredPolicy } from '../nouns/others.ts'
import type { Submission } from '../nouns/outgoing.ts'
import type { Account, Group, Lesson, SieveScript } from '../nouns/people.ts'
import type { QueueEntry, QueueLane, SourceRest } from '../nouns/queue.ts'
import type { TrackEvent } from '../nouns/tracking.ts'

export type Row = Record<string, SqlValue>

export function groupOf(row: Row): Group {
  return {
    address: row.address as string,
    owner: row.owner as string,
    members: JSON.parse(row.members as string) as string[],
  }
}

export function accountOf(row: Row): Account {
  return {
    id: row.id as number,
    address: row.address as string,
    displayName: row.display_name as string,
    credentials: row.credentials as string | null,
  }
}

export function mailboxOf(row: Row): Mailbox {
  return {
    id: row.id as number,
    path: row.path as string,
    specialUse: row.special_use as SpecialUse | null,
    uidValidity: row.uid_validity as number,
    uidNext: row.uid_next as number,
    highestModseq: row.highest_modseq as number,
    subscribed: row.subscribed === 1,
    keywords: keywordsOf(row.keywords as string),
    total: row.total as number,
    unseen: row.unseen as number,
    sizeBytes: row.size as number,
    modseq: row.modseq as number,
    sortOrder: row.sort_order as number | null,
  }
}

/** Each once, whatever its case. */
function keywordsOf(text: string): string[] {
  if (text === '') return []
  const known = new Map<string, string>()
  for (const keyword of text.split(' '))
    if (!known.has(keyword.toLowerCase())) known.set(keyword.toLowerCase(), keyword)
  return [...known.values()].sort()
}

export function placementOf(row: Row): Placement {
  return {
    mailbox: row.mailbox as number,
    uid: row.uid as number,
    email: row.email as number,
    flags: presentFlags(row.flags as number, row.keywords as string),
    modseq: row.modseq as number,
    savedAtMs: (row.saved_ms as number) || null,
    receivedAtMs: row.received_ms as number,
    sizeBytes: row.size as number,
  }
}

/** Columns that blobOf needs, for a join with `blob`. */
export const BLOB_COLUMNS =
  'blob.hash AS hash, blob.segment AS segment, blob.offset AS offset, blob.size AS blob_size, blob.stored AS stored'

export function blobOf(row: Row): BlobRef {
  return {
    hash: hexOf(row.hash as Uint8Array),
    sizeBytes: row.blob_size as number,
    segment: row.segment as number,
    offset: row.offset as number,
    ...(row.stored !== 0 && { storedBytes: row.stored as number }),
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

export function emailOf(row: Row): Email {
  const summary = JSON.parse(row.summary as string) as EmailSummary
  return Object.assign(summary, {
    id: row.id as number,
    blob: blobOf(row),
    thread: row.thread as number,
    sizeBytes: row.size as number,
    receivedAtMs: row.received_ms as number,
    modseq: row.modseq as number,
    createdModseq: row.id as number,
    verdict: row.verdict === null ? null : JSON.parse(row.verdict as string),
  })
}

export function queueEntryOf(row: Row): QueueEntry {
  return {
    id: row.id as number,
    trace: row.trace as string,
    blob: blobOf(row),
    reversePath: row.reverse_path as string,
    forwardPath: row.forward_path as string,
    domain: row.domain as string,
    acceptedAtMs: row.accepted_ms as number,
    nextAttemptAtMs: row.next_ms as number,
    expiresAtMs: row.expires_ms as number,
    attempts: row.attempts as number,
    state: row.state as QueueEntry['state'],
    lastReply: row.last_reply as string,
    parameters: JSON.parse(row.parameters as string),
    origin: row.origin as QueueEntry['origin'],
    share: row.share as string,
  }
}

export function queueLaneOf(row: Row): QueueLane {
  return {
    domain: row.domain as string,
    share: row.share as string,
    waiting: row.waiting as number,
    held: row.held as number,
    nextAttemptAtMs: row.next_ms as number | null,
    restsUntilMs: row.rest_ms as number,
    failures: row.failures as number,
    lastReply: row.last_reply as string,
  }
}

export function sourceRestOf(row: Row): SourceRest {
  return {
    address: row.address as string,
    provider: row.provider as string,
    untilMs: row.until_ms as number,
    failures: row.failures as number,
    said: row.said as string,
  }
}

export function eventOf(row: Row): TrackEvent {
  return {
    id: row.id as number,
    atMs: row.at_ms as number,
    trace: row.trace as string,
    role: row.role as TrackEvent['role'],
    kind: row.kind as TrackEvent['kind'],
    messageId: row.message_id as string,
    reversePath: row.reverse_path as string,
    forwardPath: row.forward_path as string,
    text: row.text as string,
    detail: JSON.parse(row.detail as string),
  }
}

export function submissionOf(row: Row): Submission {
  return {
    id: row.id as number,
    account: row.account as number,
    email: row.email as number,
    identity: row.identity as string,
    trace: row.trace as string,
    reversePath: row.reverse_path as string,
    forwardPaths: JSON.parse(row.forward_paths as string),
    sendAtMs: row.send_ms as number,
    undoStatus: row.undo_status as Submission['undoStatus'],
  }
}

export function forwardOf(row: Row): Forward {
  return {
    account: row.account as number,
    from: row.source as string,
    to: row.target as string,
    keep: row.keep === 1,
    state: row.state as Forward['state'],
    code: row.code as string,
    probe: JSON.parse(row.probe as string),
    addedAtMs: row.added_ms as number,
  }
}

export function policyOf(row: Row): StoredPolicy {
  return {
    domain: row.domain as string,
    id: row.id as string,
    policy: row.policy as string,
    fetchedMs: row.fetched_ms as number,
    expiresMs: row.expires_ms as number,
  }
}

export function forwardHealthOf(row: Row): ForwardHealth {
  return {
    refusals: row.refusals as number,
    pausedAtMs: row.paused_ms as number | null,
    lastReply: row.last_reply as string,
  }
}

export function lessonOf(row: Row): Lesson {
  return {
    id: row.id as number,
    account: row.account as number,
    blob: blobOf(row),
    isSpam: row.is_spam === 1,
    told: row.told === 1,
    verdict: row.verdict === null ? null : JSON.parse(row.verdict as string),
  }
}

export function scriptOf(row: Row): SieveScript {
  return { id: row.id as number, name: row.name as string, blob: blobOf(row), isActive: row.active === 1 }
}
