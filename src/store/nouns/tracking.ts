// What happened to messages, hop by hop.

/** What happened to a message at one hop, in role names. */
export interface TrackEvent {
  readonly id: number
  readonly atMs: number
  readonly trace: string
  readonly role: 'MSA' | 'Transmitter' | 'Receiver' | 'Forwarder' | 'MDA'
  readonly kind:
    | 'accepted'
    | 'refused'
    | 'deferred'
    | 'queued'
    | 'attempt'
    | 'delivered'
    | 'transmitted'
    | 'bounced'
    | 'forwarded'
    | 'held'
    | 'cancelled'
    | 'expanded'
    | 'suppressed'
  /** Message-ID of the message, when known, to join the hops of several actors. */
  readonly messageId: string
  readonly reversePath: string
  readonly forwardPath: string
  /** One sentence for people. */
  readonly text: string
  readonly detail: Record<string, unknown>
}
