// DANE with what there is on the Internet: a resolver that validates (unbound), zones that are signed, left unsigned or
// tampered with, and TLS by OpenSSL.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ownTlsa, tlsaText } from '../../identity/dane/tlsa.ts'
import { Resolver } from '../../protocols/dns/resolver.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { serveSmtp } from '../../protocols/smtp/serve.ts'
import type { Listener, TlsIdentity } from '../../world/network.ts'
import { RealNetwork } from '../../world/real/network.ts'
import { realClock, realRandom } from '../../world/real/world.ts'
import { certificateFor } from '../../world/testing/certificates.ts'
import { type TestUnbound, type TestZone, testUnbound } from '../../world/testing/unbound.ts'
import type { Agent } from '../agent.ts'
import { connectTo } from './connect.ts'

const network = new RealNetwork()
const parts = { network, clock: realClock, random: realRandom }
let listener: Listener
let unbound: TestUnbound | undefined
const ends: (() => Promise<void>)[] = []
after(async () => {
  for (const end of ends) await end()
})

before(async () => {
  const root = await certificateFor(['Root'], { isAuthority: true })
  const identity = await certificateFor(['mail.anchored.test', 'whole.test'], { by: root })
  const other = await certificateFor(['mail.wrong.test'])
  listener = await serve(identity)
  ends.push(() => listener.close())
  unbound = await testUnbound(zonesFor(identity, root, other), async (at, zone) => {
    const resolver = new Resolver({ ...parts, servers: [at], timeoutMs: 200, attempts: 1 })
    return (await resolver.resolve(zone, 'NS')).status === 'records'
  })
  if (unbound !== undefined) ends.push(unbound.end)
})

function serve(identity: TlsIdentity): Promise<Listener> {
  return network.listen({ address: '127.0.0.1', port: 0 }, (stream) => {
    const taker = { mail: () => undefined, recipient: () => undefined, message: () => reply(250, '', 'taken') }
    void serveSmtp(stream, taker, { hostName: 'mail.test', identity }, { clock: realClock, random: realRandom })
  })
}

function zonesFor(identity: TlsIdentity, root: TlsIdentity, other: TlsIdentity): TestZone[] {
  const { port } = listener.endpoint
  const right = tlsaText(ownTlsa(identity.certificatePem)!)
  const wrong = tlsaText(ownTlsa(other.certificatePem)!)
  const anchor = tlsaText({ ...ownTlsa(root.certificatePem)!, usage: 2 })
  const zone = (origin: string, tlsa: string, more: Partial<TestZone> = {}, host = `mail.${origin}`): TestZone => ({
    origin,
    isSigned: true,
    records: [
      `${origin}. IN MX 10 ${host}.`,
      `mail.${origin}. IN A 127.0.0.1`,
      ...(tlsa === '' ? [] : [`_${port}._tcp.mail.${origin}. IN TLSA ${tlsa}`]),
    ],
    ...more,
  })
  return [
    zone('right.test', right),
    zone('anchored.test', anchor),
    zone('wrong.test', wrong),
    zone('none.test', ''),
    zone('unsigned.test', wrong, { isSigned: false }),
    // Somebody on the way puts a record of his own in place of the signed one.
    zone('forged.test', wrong, {
      tamper: (text) => text.replace(/(TLSA\s+)3 1 1/, '$13 0 1'),
    }),
    // An MX that somebody forged: there is no route at all.
    zone('forged-mx.test', right, { tamper: (text) => text.replace(/MX(\s+)10 mail\./, 'MX$110 evil.') }),
    {
      origin: 'aliased.test',
      isSigned: true,
      records: ['aliased.test. IN MX 10 mx.aliased.test.', 'mx.aliased.test. IN CNAME mail.right.test.'],
    },
    {
      origin: 'outside.test',
      isSigned: true,
      records: [
        'outside.test. IN MX 10 mx.outside.test.',
        'mx.outside.test. IN CNAME mail.unsigned.test.',
        `_${port}._tcp.mx.outside.test. IN TLSA ${right}`,
      ],
    },
    zone('whole.test', `2 0 0 ${derHex(root)}`),
  ]
}

function derHex({ certificatePem }: TlsIdentity): string {
  return Buffer.from(certificatePem.replace(/-----[^-]*-----/g, ''), 'base64').toString('hex')
}

/** What a Transmitter makes of a domain, by this resolver. */
async function reach(domain: string, at: TestUnbound['endpoint']) {
  const dns = new Resolver({ ...parts, servers: [at] })
  const agent = {
    world: { ...parts, dns },
    settings: {
      transmitter: {
        port: listener.endpoint.port,
        privateDestinations: true,
        tls: [],
        lmtp: [],
        routes: [],
        http: [],
        via: undefined,
      },
      receiver: { homes: [], backs: [] },
    },
    hostName: 'mail.sender.test',
    stsPolicies: { policyFor: async () => ({ policy: undefined, steps: [] }) },
  } as unknown as Agent
  const met = await connectTo(agent, domain)
  if (met.kind === 'failed') return { state: met.state, said: `${met.reply.enhanced} ${met.reply.lines.join(' ')}` }
  const { policyType, result } = met.attempt
  const { isProven, tls } = met.smtp
  await met.smtp.quit()
  return { policyType, result, isProven, isEncrypted: tls !== undefined }
}

for (const [domain, expected] of [
  ['right.test', { policyType: 'tlsa', result: 'success', isProven: true, isEncrypted: true }],
  ['anchored.test', { policyType: 'tlsa', result: 'success', isProven: true, isEncrypted: true }],
  ['whole.test', { policyType: 'tlsa', result: 'success', isProven: true, isEncrypted: true }],
  ['aliased.test', { policyType: 'tlsa', result: 'success', isProven: true, isEncrypted: true }],
  ['outside.test', { policyType: 'tlsa', result: 'success', isProven: true, isEncrypted: true }],
  ['none.test', { policyType: 'no-policy-found', result: 'success', isProven: false, isEncrypted: true }],
  ['unsigned.test', { policyType: 'no-policy-found', result: 'success', isProven: false, isEncrypted: true }],
] as const)
  test(`${domain}: reached, ${expected.policyType}`, async (t) => {
    if (unbound === undefined) return t.skip('unbound and bind9-utils are not installed')
    assert.deepEqual(await reach(domain, unbound.endpoint), expected)
  })

for (const [domain, said] of [
  ['wrong.test', /^4\.7\.5 mail\.wrong\.test does not prove itself as DANE asks .*certificate-not-trusted/],
  [
    'forged.test',
    /^4\.7\.5 .*dnssec-invalid \(no answer from DNS for the TLSA records of mail\.forged\.test: .*SERVFAIL/,
  ],
  ['forged-mx.test', /^4\.4\.3 no answer from DNS for the MX of forged-mx\.test: .*SERVFAIL/],
] as const)
  test(`${domain}: waits`, async (t) => {
    if (unbound === undefined) return t.skip('unbound and bind9-utils are not installed')
    const met = await reach(domain, unbound.endpoint)
    assert.equal(met.state, 'deferred')
    assert.match(met.said!, said)
  })
