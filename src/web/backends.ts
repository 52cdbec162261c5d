// What the web server needs from the system that runs it: people who may sign in, and the system's live picture.
// src/system implements these; one web server may serve the people of several actors.

import type { MovingDesk } from '../moving/desk.ts'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import type { SuppressedDesk } from '../roles/bounces/desk.ts'
import type { ForwardingDesk } from '../roles/forwarder/desk.ts'
import type { SendingDesk } from '../roles/msa/sending.ts'
import type { Issuer } from '../roles/oauth/issuer.ts'
import type { Attempt, OtherFault } from '../roles/oauth/other-issuer.ts'
import type { OutgoingDesk } from '../roles/outgoing/desk.ts'
import type { Overview } from '../roles/reports/overview.ts'
import type { SecurityDesk } from '../roles/security-desk.ts'
import type { ContractBook } from '../roles/transmitter/contract-book.ts'
import type { Story } from '../roles/where/find.ts'

/** Other issuers that are believed, each by one agent for its people. */
export interface OtherIssuers {
  readonly list: readonly { readonly agent: string; readonly name: string }[]
  /** The agent whose other issuer this person may use. */
  of(person: JmapBackend): string | undefined
  begin(
    agent: string,
    redirectUri: string,
    from: string,
  ): Promise<{ readonly to: string; readonly attempt: Attempt } | { readonly fault: OtherFault }>
  /** Who came back; with `link` the account of that address is linked to whoever it is. */
  finish(
    begun: { readonly agent: string; readonly attempt: Attempt; readonly link?: string },
    query: URLSearchParams,
    redirectUri: string,
    from: string,
  ): Promise<{ readonly person: JmapBackend; readonly needsCode: boolean } | { readonly fault: OtherFault }>
  takeCode(address: string, code: string, from: string): Promise<JmapBackend | 'too-many' | undefined>
}

export interface Backends {
  /** The person with this address, or undefined. The same object each time, for as long as the account exists. */
  accountFor(address: string): JmapBackend | undefined
  /**
   * Like accountFor, once the password is right. Takes as long for an unknown address as for a wrong password.
   * 'needs-code': the password is right, and the second factor is on.
   * 'unavailable': whoever knows the password does not answer now.
   * `from`: the IP address that asks; `entrance`: the sign-in form, or a program; 'too-many': it, or many together, guessed too often.
   */
  authenticate(
    address: string,
    password: string,
    from: string,
    entrance: 'web' | 'jmap' | 'smtp',
    code?: string,
    /** Instead of a code: what a passkey signed, at the page of this host. */
    key?: { readonly host: string; readonly response: unknown },
  ): Promise<JmapBackend | 'too-many' | 'unavailable' | 'needs-code' | 'wrong-code' | undefined>
  /** The person whose access token this is (RFC 6750), good at this door: JMAP's where nothing is said. */
  bearer?(
    token: string,
    from: string,
    door?: 'jmap' | 'smtp',
  ): Promise<JmapBackend | 'too-many' | 'insufficient_scope' | undefined>
  readonly otherIssuers?: OtherIssuers | undefined
  /** Who gives such tokens. */
  readonly issuer?: Issuer
  /** Whatever ends what this person's programs proved before, when it is another. */
  standing?(person: JmapBackend): string
  /** Where this person keeps the account safe; `host`: of the page, with its port. */
  security?(person: JmapBackend, host: string): SecurityDesk | undefined
  /** Signing in with a passkey at the page of this host; undefined: browsers keep none for it. */
  passkeys?(host: string): PasskeyDoor | undefined
  /** Where programs send in this person's name; undefined: no MSA here takes mail of his. */
  sending?(person: JmapBackend): SendingDesk | undefined
  /** Addresses that this person's mail did not reach. */
  suppressed?(person: JmapBackend): SuppressedDesk | undefined
  /** What is known of the contract with this name and password. */
  contract?(name: string, password: string, from: string): Promise<ContractBook | 'too-many' | undefined>
  /** The same of who shows this client certificate (DER, whose key it has), or asks from this address. */
  contractSeen?(certificate: Buffer | undefined, from: string): ContractBook | undefined
  /** Why this person's mail is slowed or held. */
  outgoing?(person: JmapBackend): OutgoingDesk | undefined
  /** Where this person arranges forwarding. */
  forwarding?(person: JmapBackend): ForwardingDesk | undefined
  /** Where this person brings and takes all mail. */
  moving?(person: JmapBackend): MovingDesk | undefined
  /** The messages that somebody's question may mean, of his own. */
  where?(person: JmapBackend, question: string): readonly Story[] | undefined
  /** What reports say, since a time: for the postmaster, and undefined for everybody else. */
  reports?(person: JmapBackend, sinceMs: number): Overview | undefined
}

/** What a browser is asked, and what its answer is worth. */
export interface PasskeyDoor {
  /** For whoever comes: the passkey says who it is. */
  ask(): Promise<object>
  /** For who has said the right password; undefined: this person has none here. */
  askAfterPassword(address: string): Promise<object | undefined>
  /** `id`: which passkey it was. @throws DiskError */
  signIn(response: unknown, from: string): Promise<{ readonly person: JmapBackend; readonly id: number } | undefined>
}

/** One step of one message between two blocks of the picture (`from` = `to`: something decided in place). */
export interface LiveHop {
  readonly atMs: number
  readonly trace: string
  readonly messageId: string
  /** Block ids as in the picture's `data-block`. */
  readonly from: string
  readonly to: string
  readonly kind: string
  /** One sentence for people. */
  readonly text: string
  readonly role: string
  readonly subject?: string
  readonly reversePath?: string
  readonly forwardPath?: string
}

export interface LiveSource {
  /** The system as boxes and arrows, plain data (src/notation/layout.ts). */
  picture(): unknown
  /** The same, drawn: blocks carry `data-block`, arrows `data-hop`. */
  svg(): string
  /** Messages waiting, by block id. */
  queues(): Record<string, number>
  /** Oldest first. */
  recent(): LiveHop[]
  /** `queues`: as they are then. */
  watch(listener: (hop: LiveHop, queues: Record<string, number>) => void): () => void
}

/** Traces a message; `reader`: whose message it is, and so whose Border and whose trusted Forwarders count. */
export type Tracer = (message: Buffer, reader?: JmapBackend) => TraceView

/** How a message came here, as text and as a picture. */
export interface TraceView {
  readonly text: string
  readonly svg: string
}
