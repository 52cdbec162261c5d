// What Forwarders and their Recipients agree on: where mail goes on to, and whose forwarded mail is trusted.

import type { AccountId } from './people.ts'

/** A Forwarder that one Recipient trusts. Matched on authenticated identity, never on HELO. */
export interface TrustedForwarder {
  readonly account: AccountId
  /** The Forwarder's domain: ARC d=, SRS/SPF domain or DKIM d= must match it or be below it. */
  readonly domain: string
  /** The Recipient's address at the Forwarder, '' when not told. */
  readonly oldAddress: string
  readonly addedAtMs: number
}

/** Mail for one of a Recipient's addresses goes on to another address: set up by the Recipient. */
export interface Forward {
  readonly account: AccountId
  /** An address of the account, lower case. */
  readonly from: string
  readonly to: string
  /** A copy stays here. */
  readonly keep: boolean
  /** 'unverified': nobody at the target has said yet that it is wanted there; nothing is forwarded. */
  readonly state: 'unverified' | 'active'
  /** What the owner of the target must show. */
  readonly code: string
  /** What of a marked message was still proven when it arrived at the target; null: not told. */
  readonly probe: { readonly id: string; readonly sentAtMs: number; readonly told: ProbeReport | null } | null
  readonly addedAtMs: number
}

/** What the far end saw of a probe: results in one word each. */
export interface ProbeReport {
  readonly atMs: number
  readonly by: string
  readonly spf: string
  readonly dkim: string
  readonly dmarc: string
  readonly arc: string
}

/** How the target of a forward has answered lately. */
export interface ForwardHealth {
  /** Refusals for good in a row. */
  readonly refusals: number
  /** Mail is kept here since then; null: it goes on. */
  readonly pausedAtMs: number | null
  readonly lastReply: string
}
