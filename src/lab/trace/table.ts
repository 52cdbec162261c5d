// The trace as a table: a row for each line of the path, oldest first, in words. What a page shows, and a screen reader reads.

import type { TraceBlock } from './blocks.ts'
import type { Step } from './path.ts'
import { delayText, timeText, tlsText } from './render.ts'
import type { TraceResult } from './trace.ts'

export interface HopRow {
  readonly number: number
  readonly from: string
  /** Its address; '' where the line keeps it to itself. */
  readonly address: string
  readonly by: string
  /** What whoever wrote the line did, as far as it can be told; '' for what happened inside a host. */
  readonly roles: string
  /** On whose side. */
  readonly network: string
  /** The Border was crossed in this handover. */
  readonly isBorder: boolean
  readonly word: 'verified' | 'claimed' | 'doubtful'
  /** Why it is doubtful. */
  readonly doubt?: string
  readonly when: string
  readonly delay: string
  readonly tls: string
}

const NETWORKS: Readonly<Record<TraceBlock['side'], string>> = {
  sender: "sender's",
  cloud: "nobody's",
  forwarder: "Forwarder's",
  recipient: "Recipient's",
}

/** The rows of the table. */
export function traceTable({ steps, blocks, hops }: TraceResult): HopRow[] {
  return steps.map((step) => {
    const index = step.doubt === undefined && step.kind === 'handover' ? blockOf(step, blocks) : -1
    const block = blocks[index]
    const hop = hops.find(({ to }) => to === index)
    const { received } = step
    const isInside = step.kind === 'inside'
    return {
      number: step.number,
      from: isInside ? '' : (received.reverseName ?? received.helo ?? 'somebody'),
      address: received.ip ?? '',
      by: received.by ?? (isInside ? received.raw.replace(/;[^;]*$/, '').slice(0, 60) : 'unknown'),
      roles: block?.roles.join('/') ?? '',
      network: block === undefined ? '' : NETWORKS[block.side],
      isBorder: hop?.step === step && hop.crossesBorder,
      word: step.doubt !== undefined ? 'doubtful' : step.verified ? 'verified' : 'claimed',
      ...(step.doubt === undefined ? {} : { doubt: step.doubt }),
      when: received.date === undefined ? '' : timeText(received.date.epochMs),
      delay: delayText(step),
      tls: isInside ? '' : tlsText(step) || 'none told',
    }
  })
}

/** The block whose host wrote the line: of a host that stands twice on the path, the one that this line leads into. */
function blockOf(step: Step, blocks: readonly TraceBlock[]): number {
  const led = blocks.findIndex((block) => block.step === step)
  if (led >= 0) return led
  const host = step.received.by
  return host === undefined ? -1 : blocks.findIndex(({ id, hosts }) => id !== '' && hosts.includes(host))
}
