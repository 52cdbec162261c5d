// What the administrator asks of the TLS of some domains (tls=), whatever they say themselves.

import assert from 'node:assert/strict'
import { before, mock, test } from 'node:test'
import { ownTlsa } from '../../identity/dane/tlsa.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import type { TlsIdentity } from '../../world/network.ts'
import { certificateFor } from '../../world/testing/certificates.ts'

const FAR_IP = '127.0.50.1'

const certificates = {} as Record<'good' | 'other', TlsIdentity>
before(async () => {
  certificates.good = await certificateFor(['mail.far.test'])
  certificates.other = await certificateFor(['mail.other.test'])
})

interface Wishes {
  readonly identity?: TlsIdentity
  /** The zone is signed, with a TLSA record for this one. */
  readonly dane?: TlsIdentity
  readonly sts?: 'enforce' | 'testing'
}

/** Anna writes to Carl: how it arrived ('TLSv1.3', 'plain'), or what her queue says. */
async function outcome(rule: string, { identity, dane, sts }: Wishes): Promise<string> {
  const trusted = Object.values(certificates).map(({ certificatePem }) => certificatePem)
  const world = await TestSystem.start(`${TWO_AGENTS}\n${rule === '' ? '' : `sender: tls="${rule}"`}\n`, { trusted })
  const taken: InboundMessage[] = []
  const message = (mail: InboundMessage) => {
    taken.push(mail)
    return reply(250, '2.0.0', 'taken')
  }
  await serveScript(world, world.system.host('far', FAR_IP), { message }, identity && { identity })
  const records = domainAt('far.test', FAR_IP)
  if (dane === undefined) world.publish(records)
  else {
    const data = ownTlsa(dane.certificatePem)!
    world.system.publishSigned('far.test', [
      ...records,
      { name: '_25._tcp.mail.far.test', type: 'TLSA', ttlS: 60, data },
    ])
  }
  if (sts !== undefined)
    mock.method(world.agent('sender').stsPolicies, 'policyFor', async () => ({
      policy: { mode: sts, mx: ['mail.elsewhere.test'], maxAgeS: 86_400 },
      steps: [],
    }))
  await world.submit('carl@far.test')
  await world.passTime(60_000)
  const [queued] = world.agent('sender').store.queue.entries()
  return queued?.lastReply ?? taken[0]?.session.tls?.protocol ?? 'plain'
}

for (const [what, rule, wishes, expected] of [
  ['no rule: plain text where there is nothing else', '', () => ({}), /^plain$/],
  ['required: no plain text', 'far.test: required', () => ({}), /^451 4\.7\.5 .*tls= .*starttls-not-supported/],
  ['required: any certificate', 'far.test: required', () => ({ identity: certificates.other }), /^TLS/],
  [
    'required: a policy that only tests stays a test',
    'far.test: required',
    () => ({ identity: certificates.other, sts: 'testing' }),
    /^TLS/,
  ],
  [
    'required: a policy that is enforced stays enforced',
    'far.test: required',
    () => ({ identity: certificates.good, sts: 'enforce' }),
    /MTA-STS policy/,
  ],
  ['verified: the certificate of the host', 'far.test: verified', () => ({ identity: certificates.good }), /^TLS/],
  [
    'verified: the certificate of another host',
    'far.test: verified',
    () => ({ identity: certificates.other }),
    /^451 4\.7\.5 .*tls= .*certificate-host-mismatch/,
  ],
  [
    'verified: a host that the rule names',
    'far.test: verified mx.far.test *.far.test',
    () => ({ identity: certificates.good }),
    /^TLS/,
  ],
  [
    'verified: a host that DNS names and the rule does not',
    'far.test: verified mx.far.test',
    () => ({ identity: certificates.good }),
    /^451 4\.7\.5 .*does not name the host mail\.far\.test/,
  ],
  ['dane: signed records', 'far.test: dane', () => ({ identity: certificates.good, dane: certificates.good }), /^TLS/],
  [
    'dane: none, and nothing goes',
    'far.test: dane',
    () => ({ identity: certificates.good }),
    /^451 4\.7\.5 .*dane-required/,
  ],
  [
    'none: TLS is not even tried, whatever the domain says',
    'far.test: none',
    () => ({ identity: certificates.good, dane: certificates.other, sts: 'enforce' }),
    /^plain$/,
  ],
  ['for everybody', '*: required', () => ({}), /tls= of our description/],
  ['for another domain', 'near.test: required', () => ({}), /^plain$/],
] as const)
  test(what, async () => {
    assert.match(await outcome(rule, wishes()), expected)
  })
