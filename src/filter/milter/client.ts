// Asks a milter about one message over the network, within a time. That it fails is a value like any other: the role
// answers 451, and never lets the message through as if it had been looked at.

import type { Network } from '../../world/network.ts'
import type { Clock } from '../../world/world.ts'
import { converse, type Partner } from '../converse.ts'
import { type MilterMail, MilterSession, type MilterVerdict } from './session.ts'

/** The milter's verdict. Never rejects because of the milter or the network. */
export function askMilter(
  mail: MilterMail,
  milter: Partner,
  world: { readonly network: Network; readonly clock: Clock },
): Promise<MilterVerdict> {
  const session = new MilterSession(mail)
  return converse(milter, world, 'the milter did not decide', async (stream) => {
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
  })
}
