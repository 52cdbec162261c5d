// Webhooks of an Author as they are kept: where his programs are told of what, and how far each has been told. The secrets
// that sign are derived from the agent's own, so none of them lies in the store; what a person says and how far the telling
// is are two objects, so that neither overwrites the other.

import { createHmac } from 'node:crypto'
import type { Command } from '../../store/commands.ts'
import type { AccountId, ObjectKind } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import type { Agent } from '../agent.ts'
import { STORY_TYPES, type StoryType } from '../msa/story.ts'
import { newWebhookSecret } from './signature.ts'

export const EVENT_TYPES = STORY_TYPES.map((type) => `message.${type}` as const)
export type EventType = `message.${StoryType}`

const MOST_WEBHOOKS = 20
const MOST_PROGRESS = 100
const HOUR_MS = 3_600_000
/** A secret that another took the place of signs on for so long. */
export const ROTATION_MS = 24 * HOUR_MS

/** What its owner said. */
export interface WebhookSettings {
  readonly url: string
  /** Empty: all. */
  readonly events: readonly EventType[]
  readonly description: string
  readonly createdMs: number
  /** Events up to this one are from before it. */
  readonly after: number
  /** Its owner wants it told; `since`: said then, so that what stopped before goes on. */
  readonly enabled: boolean
  readonly sinceMs: number
  /** The first is the newest; others end. */
  readonly secrets: readonly { readonly nonce: string; readonly untilMs?: number }[]
}

export interface Webhook extends WebhookSettings {
  readonly id: number
  readonly account: AccountId
}

/** How far it is told, and how it goes. */
export interface Progress {
  readonly webhook: number
  readonly cursor: number
  /** Nothing has been taken since then. */
  readonly failingSinceMs?: number
  readonly lastFailure?: string
  readonly lastSuccessMs?: number
  /** We gave up: its owner must say that it works again. */
  readonly stoppedMs?: number
  /** Events that were refused for a day while others were taken. */
  readonly skipped: number
}

function objects<T>(store: Store, account: AccountId, kind: ObjectKind): (T & { readonly id: number })[] {
  return store.lists.objects(account, kind).map(({ id, value }) => ({ ...(JSON.parse(value) as T), id }))
}

export function webhooksOf(store: Store, account: AccountId): Webhook[] {
  return objects<WebhookSettings>(store, account, 'webhook').map((one) => ({ ...one, account }))
}

/** As it is kept, or as it begins; `object`: its id in the store. */
export function progressOf(store: Store, { account, id, after }: Webhook): Progress & { readonly object?: number } {
  const kept = objects<Progress>(store, account, 'webhook-progress').find(({ webhook }) => webhook === id)
  if (kept === undefined) return { webhook: id, cursor: after, skipped: 0 }
  const { id: object, ...progress } = kept
  return { ...progress, object }
}

/** Is it told now: wanted, and not given up since its owner last said so. */
export const isTold = ({ enabled, sinceMs }: Webhook, { stoppedMs }: Progress): boolean =>
  enabled && (stoppedMs === undefined || stoppedMs < sinceMs)

export const putWebhook = (account: AccountId, settings: WebhookSettings, id?: number): Command => ({
  ...{ kind: 'object.put', account, of: 'webhook', value: JSON.stringify(settings), atMost: MOST_WEBHOOKS },
  ...(id !== undefined && { id }),
})

export const putProgress = (account: AccountId, progress: Progress, object?: number): Command => ({
  ...{ kind: 'object.put', account, of: 'webhook-progress', value: JSON.stringify(progress), atMost: MOST_PROGRESS },
  ...(object !== undefined && { id: object }),
})

/** The secrets that sign now, the newest first. */
export function secretsOf(
  { secrets }: Agent,
  { account, secrets: kept }: Omit<Webhook, 'id'>,
  nowMs: number,
): string[] {
  return kept
    .filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs)
    .map(({ nonce }) => {
      const key = createHmac('sha256', secrets.server).update(`webhook ${account} ${nonce}`).digest()
      return newWebhookSecret({ bytes: () => key })
    })
}
