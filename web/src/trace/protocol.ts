// What the page of the trace and its worker say to each other.

import type { PathsRow } from '../../../src/lab/trace/many.ts'
import type { Proofs } from '../../../src/lab/trace/proofs.ts'
import type { HopRow } from '../../../src/lab/trace/table.ts'

export interface MessageView {
  /** From, To, Subject…, and what was found out about the whole, as names and values. */
  readonly summary: readonly (readonly [string, string])[]
  readonly svg: string
  /** The system that carried it, in the notation, drawn. */
  readonly notation: string
  readonly rows: readonly HopRow[]
  /** Who sent it, whether that is proven, where it was delayed: sentences. */
  readonly answer: readonly string[]
  /** Whose lines are believed, in a sentence. */
  readonly trust: string
  /** Why it is thought to have been passed on. */
  readonly forwarding: readonly string[]
  readonly results: readonly {
    /** Whose word it is. */
    readonly by: string
    readonly methods: readonly string[]
  }[]
  readonly proofs: Proofs
}

export interface ManyView {
  readonly messages: number
  readonly rows: readonly PathsRow[]
  readonly svg: string
}

export type Ask =
  | {
      readonly kind: 'message'
      readonly bytes: Uint8Array
      readonly trustedBy: readonly string[]
      /** TXT records of keys that are known, by name. */
      readonly keys: Readonly<Record<string, string>>
      /** Asked by HTTPS for the other keys; undefined: nobody is asked. */
      readonly resolver: string | undefined
    }
  | { readonly kind: 'mbox'; readonly file: Blob; readonly trustedBy: readonly string[] }

export type Answer =
  | { readonly kind: 'message'; readonly view: MessageView }
  | { readonly kind: 'many'; readonly view: ManyView }
  | { readonly kind: 'progress'; readonly messages: number }
  | { readonly kind: 'failed'; readonly words: string }
