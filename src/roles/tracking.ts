// Tracking: what happened to a message at each hop, in role names. Events that belong to an acceptance are part of its
// commit; refusals are written beside, and no client waits for them.

import type { Command } from '../store/commands.ts'
import type { TrackEvent } from '../store/types.ts'
import type { Agent } from './agent.ts'

export type Happening = Omit<TrackEvent, 'id' | 'atMs' | 'detail' | 'messageId'> & {
  readonly messageId?: string
  readonly detail?: Record<string, unknown>
}

/** The command that keeps one event. */
export function eventCommand(agent: Agent, happening: Happening): Command {
  const event = { messageId: '', detail: {}, ...happening, atMs: agent.world.clock.now() }
  return { kind: 'event.add', event }
}

/** Keeps events that no reply depends on. If the disk refuses, tracking is poorer and mail goes on. */
export function note(agent: Agent, ...happenings: Happening[]): void {
  agent.store.commit(happenings.map((happening) => eventCommand(agent, happening))).catch(() => {})
}
