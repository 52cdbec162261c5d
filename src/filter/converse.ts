// A conversation with a program of the site that looks at mail (clamd, a milter), time-limited as a whole.

import { type Endpoint, type LocalSocket, type Network, NetworkError, type Stream } from '../world/network.ts'
import type { Clock } from '../world/world.ts'

export interface Unavailable {
  readonly kind: 'unavailable'
  readonly reason: string
}

/** Where the program is, and how long all of it may take. */
export interface Partner {
  readonly at: Endpoint | LocalSocket
  readonly timeoutMs: number
}

/** What `talk` comes to. Never rejects because of the program or the network. `silent`: what it did not do in time. */
export async function converse<T>(
  { at, timeoutMs }: Partner,
  { network, clock }: { readonly network: Network; readonly clock: Clock },
  silent: string,
  talk: (stream: Stream) => Promise<T>,
): Promise<T | Unavailable> {
  let stream: Stream | undefined
  let isLate = false
  const timer = clock.after(timeoutMs, () => {
    isLate = true
    stream?.destroy()
  })
  try {
    stream = await network.connect(at, { timeoutMs })
    return await talk(stream)
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error
    return { kind: 'unavailable', reason: isLate ? `${silent} within ${timeoutMs} ms` : error.message }
  } finally {
    timer.cancel()
    stream?.destroy()
  }
}
