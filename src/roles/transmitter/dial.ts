// The first of a host's addresses that answers (RFC 8305 §5): each attempt has a moment for itself before the next one
// begins, so that an address that is dead, or a family that leads nowhere, costs that moment and not half a minute.

import { type Endpoint, type Network, NetworkError, type Stream } from '../../world/network.ts'
import type { Clock, Timer } from '../../world/world.ts'

/** RFC 8305 §8. */
const STAGGER_MS = 250
/** A host with many addresses is not stormed. */
const MOST_AT_ONCE = 4

export interface Dialled {
  /** Undefined: nobody answered. */
  readonly stream: Stream | undefined
  /** Who answered; else who failed last. */
  readonly endpoint: Endpoint
  /** Why, of the last one that failed. */
  readonly error: NetworkError | undefined
  /** Those that failed, and need not be tried again. */
  readonly failed: readonly Endpoint[]
}

/** `endpoints`: at least one, the preferred one first; `from`: an address of ours. Never rejects for what the network does. */
export function dial(
  { network, clock }: { readonly network: Network; readonly clock: Clock },
  endpoints: readonly Endpoint[],
  timeoutMs: number,
  from?: string,
): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const failed: Endpoint[] = []
    let next = 0
    let underWay = 0
    let isOver = false
    let timer: Timer | undefined

    const settle = (dialled: Omit<Dialled, 'failed'>) => {
      isOver = true
      timer?.cancel()
      resolve({ ...dialled, failed })
    }
    const attempt = async (endpoint: Endpoint): Promise<void> => {
      try {
        const stream = await network.connect(endpoint, { timeoutMs, ...(from !== undefined && { localAddress: from }) })
        if (isOver) return stream.destroy()
        settle({ stream, endpoint, error: undefined })
      } catch (error) {
        if (isOver) return
        if (!(error instanceof NetworkError)) {
          isOver = true
          timer?.cancel()
          return reject(error)
        }
        failed.push(endpoint)
        underWay--
        if (next < endpoints.length) begin()
        else if (underWay === 0) settle({ stream: undefined, endpoint, error })
      }
    }
    const begin = (): void => {
      timer?.cancel()
      if (isOver || next >= endpoints.length || underWay >= MOST_AT_ONCE) return
      underWay++
      void attempt(endpoints[next++]!)
      timer = clock.after(STAGGER_MS, begin)
    }
    begin()
  })
}
