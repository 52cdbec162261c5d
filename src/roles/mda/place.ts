// MDA: puts a message into a Recipient's mailbox. Return-Path is written here, at the final delivery (RFC 5321 §4.4).

import { parseHeader } from '../../message/header.ts'
import type { Command } from '../../store/commands.ts'
import type { BlobRef } from '../../store/nouns/bodies.ts'
import type { EmailSummary, Verdict } from '../../store/nouns/mail.ts'
import type { Account } from '../../store/nouns/people.ts'
import { summarise } from '../../store/summary.ts'
import type { Agent } from '../agent.ts'

/** A body as the mailboxes of this agent will hold it. */
export interface Delivery {
  readonly blob: BlobRef
  readonly summary: EmailSummary
}

/**
 * Writes the body that mailboxes get: Return-Path, the fields our roles put in front, then what came.
 * Any number of Recipients share it. @throws DiskError
 */
export async function prepareDelivery(
  agent: Agent,
  reversePath: string,
  front: readonly Uint8Array[],
  source: Buffer,
): Promise<Delivery> {
  const blob = await agent.store.putBlob([returnPathField(reversePath), ...front, source])
  return { blob, summary: summarise(source) }
}

/** Written at the final delivery. */
export function returnPathField(reversePath: string): Buffer {
  return Buffer.from(`Return-Path: <${reversePath}>\r\n`)
}

/** What mailboxes have in front is not passed on. */
export function withoutReturnPath(message: Buffer): Buffer {
  const header = parseHeader(message)
  const field = header.fields.find(({ lowerName }) => lowerName === 'return-path')
  return field === undefined ? message : Buffer.concat([message.subarray(0, field.start), message.subarray(field.end)])
}

/** The command that places a prepared body with one Recipient. */
export function placeCommand(
  agent: Agent,
  account: Account,
  delivery: Delivery,
  mailbox: 'inbox' | 'junk',
  verdict: Verdict | null,
): Command {
  return {
    kind: 'email.deliver',
    account: account.id,
    mailboxes: [mailbox],
    // What we have taken has a place, whatever the account may hold.
    orInbox: true,
    blob: delivery.blob,
    summary: delivery.summary,
    flags: [],
    receivedAtMs: agent.world.clock.now(),
    verdict,
  }
}

/** May the account hold so much more? RFC 9208 §6: what is refused for a quota is refused before the message comes. */
export function hasRoom(agent: Agent, account: Account['id'], sizeBytes: number): boolean {
  if (!agent.store.isLimited(account)) return true
  const quota = agent.store.access.quota(account)
  if (quota === undefined) return true
  const { bytes, messages, usedBytes, usedMessages } = quota
  return (bytes === null || usedBytes + sizeBytes <= bytes) && (messages === null || usedMessages < messages)
}
