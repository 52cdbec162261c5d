// Tracking: what happened to a message at each hop, in role names. Events that belong to an acceptance are part of its
// commit; refusals are written beside, and no client waits for them.

import { firstValue, type Header } from '../message/header.ts'
import { type Reply, reply } from '../protocols/smtp/reply.ts'
import type { Command, CommandResult } from '../store/commands.ts'
import type { TrackEvent } from '../store/nouns/tracking.ts'
import { DiskError } from '../world/disk.ts'
import type { Agent } from './agent.ts'

export type Happening = Omit<TrackEvent, 'id' | 'atMs' | 'detail' | 'messageId'> & {
  readonly messageId?: string
  readonly detail?: Record<string, unknown>
}

/** A sentence may quote what a stranger said. */
const MAX_TEXT = 1000

/** The command that keeps one event. */
export function eventCommand(agent: Agent, happening: Happening): Command {
  const text = happening.text.slice(0, MAX_TEXT)
  const event = { messageId: '', detail: {}, ...happening, text, atMs: agent.world.clock.now() }
  return { kind: 'event.add', event }
}

/** A commit on which a promise rests: every command of it must have been kept. @throws DiskError; Error for a refusal */
export async function commitAll(agent: Agent, commands: readonly Command[]): Promise<CommandResult[]> {
  const results = await agent.store.commit(commands)
  mustBeKept(results)
  return results
}

/** @throws Error when the store refused one */
export function mustBeKept(results: readonly CommandResult[]): void {
  const refused = results.find((result) => !result.ok)
  if (refused?.ok === false) throw new Error(`the store refused what was promised: ${refused.message}`)
}

/** Keeps events that no reply depends on. If the disk refuses, tracking is poorer and mail goes on. */
export function note(agent: Agent, ...happenings: Happening[]): void {
  keepAside(
    agent,
    happenings.map((happening) => eventCommand(agent, happening)),
  )
}

/** Keeps what no reply depends on. */
export function keepAside(agent: Agent, commands: readonly Command[]): void {
  agent.store.commit(commands).catch(() => {})
}

/** What the sender hears when the disk refused: nothing was kept, so it comes again. Throws on what is no DiskError. */
export function diskRefusal(agent: Agent, error: unknown): Reply {
  if (!(error instanceof DiskError)) throw error
  agent.log('error', 'a message could not be kept', { reason: error.message })
  return error.code === 'full'
    ? reply(452, '4.3.1', 'our disk is full, try again later')
    : reply(451, '4.3.0', 'our disk refuses, try again later')
}

/** The Message-ID, by which the hops of several agents are joined; '' where there is none. Bounded. */
export function messageIdOf(header: Header): string {
  return (firstValue(header, 'message-id') ?? '').replace(/^<|>$/g, '').slice(0, 250)
}
