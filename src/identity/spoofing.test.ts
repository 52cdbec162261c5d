// The attacks of "Composition Kills" (Chen, Paxson, Jiang, 2020): mail from attack.com that pretends to be from
// legitimate.com by making two parsers disagree.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseHeader } from '../message/header.ts'
import { authenticate } from './authenticate.ts'
import { fixedClock, fixedDns } from './testing.ts'

const file = fileURLToPath(new URL('../../../shared/suites/attack-espoofer/cases.json', import.meta.url))
const ours = { TXT: ['v=spf1 ip4:192.0.2.66 -all'] }
const dns = fixedDns({
  'attack.com': ours,
  'helo.attack.com': ours,
  'a.attack.com': ours,
  'any.attack.com': ours,
  '_dmarc.attack.com': { TXT: ['v=DMARC1; p=none'] },
  'legitimate.com': { TXT: ['v=spf1 -all'] },
  '_dmarc.legitimate.com': { TXT: ['v=DMARC1; p=reject'] },
})

interface Attack {
  id: string
  helo: string
  mailfrom: string
  data: Record<'from_header' | 'to_header' | 'subject_header' | 'other_headers' | 'body', string>
}

test('no attack of espoofer passes as legitimate.com', async (t) => {
  if (!existsSync(file)) return t.skip(`no ${file}`)
  const attacks = (JSON.parse(readFileSync(file, 'utf8')) as Attack[]).filter(({ id }) => id.startsWith('server_'))
  assert.ok(attacks.length > 0)
  for (const { id, helo, mailfrom, data } of attacks) {
    const orders = [
      data.from_header + data.to_header + data.subject_header + data.other_headers,
      data.to_header + data.subject_header + data.from_header + data.other_headers,
    ]
    for (const head of orders) {
      const source = Buffer.from(head + data.body, 'latin1')
      const arrival = {
        source,
        header: parseHeader(source),
        ip: '192.0.2.66',
        helo,
        reversePath: mailfrom.slice(1, -1),
      }
      const { dmarc, from } = await authenticate(arrival, { dns, clock: fixedClock(0), receiverName: 'mx.victim.com' })
      const claims = from.domains.some((domain) => domain.endsWith('legitimate.com'))
      if (claims) assert.deepEqual([dmarc.result, dmarc.policy], ['fail', 'reject'], id)
      // Where legitimate.com cannot be seen in what we read, either nothing else reads it there, or From is not clear.
      else if (source.includes('legitimate.com') && from.fault) assert.notEqual(dmarc.policy, 'none', id)
      assert.ok(dmarc.result !== 'pass' || from.domains.every((domain) => domain === 'attack.com'), id)
      assert.ok(dmarc.result !== 'pass' || !data.from_header.includes('legitimate.com') || !claims, id)
    }
  }
})
