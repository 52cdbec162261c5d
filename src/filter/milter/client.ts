// Asks a milter about one message over the network, within a time. That it fails is a value like any other: the role
// answers 451, and never lets the message through as if it had been looked at.

import { type Endpoint, type LocalSocket, type Network, NetworkError, type Stream } from '../../world/network.ts'
import type { Clock } from '../../world/world.ts'
import { type MilterMail, MilterSession, type MilterVerdict } from './session.ts'

export interface MilterOptions {
  readonly at: Endpoint | LocalSocket
  /** For the whole message. */
  readonly timeoutMs: number
}

/** The milter's verdict. Never rejects because of the milter or the network. */
export async function askMilter(
  mail: MilterMail,
  { at, timeoutMs }: MilterOptions,
  { network, clock }: { readonly network: Network; readonly clock: Clock },
): Promise<MilterVerdict> {
  const session = new MilterSession(mail)
  let stream: Stream | undefined
  let isLate = false
  const timer = clock.after(timeoutMs, () => {
    isLate = true
    stream?.destroy()
  })
  try {
    stream = await network.connect(at, { timeoutMs })
    await stream.write(session.start())
    for (;;) {
      const bytes = await stream.read()
      if (bytes === null) return { kind: 'unavailable', reason: 'the milter hung up before it had decided' }
      const { send, verdict } = session.receive(bytes)
      if (verdict !== undefined) {
        // Goodbye; whether it arrives changes nothing.
        await stream.write(send).catch(() => {})
        stream.end()
        return verdict
      }
      if (send.length > 0) await stream.write(send)
    }
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error
    const reason = isLate ? `the milter did not decide within ${timeoutMs} ms` : error.message
    return { kind: 'unavailable', reason }
  } finally {
    timer.cancel()
    stream?.destroy()
  }
}
