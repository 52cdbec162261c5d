// Where changes are watched (Store.watch), these stand for an account: what changed is nobody's or everybody's.

import type { AccountId } from './people.ts'

/** Stands for an account where changes are watched: there are new lessons. */
export const LESSONS: AccountId = -1

/** Stands for an account where changes are watched: somebody's push subscriptions are others. */
export const PUSHES: AccountId = -2

/** Stands for an account where changes are watched: the queue is another. */
export const QUEUE: AccountId = -3

/** Stands for an account where changes are watched: a report came, or a complaint is to be sent. */
export const REPORTS: AccountId = -4

/** Stands for an account where changes are watched: somebody's webhooks are others. */
export const HOOKS: AccountId = -20

/** Stands for an account where changes are watched: something happened to a message. */
export const EVENTS: AccountId = 0
