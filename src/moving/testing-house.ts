// What the tests of this room share: another mail system in the simulated world, a store of ours served by IMAP over TLS.

import { generate } from 'selfsigned'
import { serveImap } from '../protocols/imap/serve.ts'
import { openStore } from '../store/embedded.ts'
import { makeAccount } from '../store/testing.ts'
import type { TlsIdentity } from '../world/network.ts'
import type { TestWorld } from '../world/testing.ts'
import type { ImapAccount } from './imap-source.ts'

const USER = 'bob@old.test'
const PASSWORD = 'correct horse'
const made = await generate([{ name: 'commonName', value: 'old.test' }], {
  algorithm: 'sha256',
  notBeforeDate: new Date('2020-01-01'),
  notAfterDate: new Date('2100-01-01'),
  extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'old.test' }] }],
})
const identity: TlsIdentity = { certificatePem: made.cert, privateKeyPem: made.private }

/** Another host with a store of ours, served over TLS; `livesMs`: how long a connection lives at most. */
export async function oldHouse(there: TestWorld, port: number, livesMs = Number.POSITIVE_INFINITY) {
  const { world } = there.simulation.host('old', ['192.0.2.9'])
  const store = await openStore(world)
  const bob = await makeAccount(store, USER)
  const accounts = {
    mechanisms: ['PLAIN' as const],
    checkPassword: (user: string, password: string) =>
      user === USER && password === PASSWORD ? ({ state: 'ok', user } as const) : ({ state: 'refused' } as const),
    scramCredentials: () => ({ state: 'unavailable' }) as const,
  }
  let connections = 0
  await world.network.listen(
    { address: '192.0.2.9', port },
    (stream) => {
      connections++
      if (Number.isFinite(livesMs)) world.clock.after(livesMs * (0.5 + world.random.float()), () => stream.destroy())
      void serveImap(stream, { store, accounts, tlsIdentity: identity }, world)
    },
    port === 993 ? identity : undefined,
  )
  const account: ImapAccount = {
    host: {
      network: there.world.network,
      endpoint: { address: '192.0.2.9', port },
      tls: { role: 'client', serverName: 'old.test', trusted: [identity.certificatePem], mustAuthenticate: true },
      isImplicit: port === 993,
    },
    name: 'old.test',
    user: USER,
    password: PASSWORD,
    clock: there.world.clock,
  }
  return { store, bob, account, connections: () => connections }
}
