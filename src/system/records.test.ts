import assert from 'node:assert/strict'
import { test } from 'node:test'
import { look } from '../cli/verbs/dns.ts'
import { spfLookups } from '../identity/spf/lookups.ts'
import { parse } from '../notation/parse.ts'
import { simulate } from '../world/simulated/simulation.ts'
import { planSystem } from './description.ts'
import { recordsOf } from './records.ts'

const published = (attributes: string) => {
  const text = `Author@anna ==> MSA/Transmitter/Receiver/MDA@here ==> Recipient@anna
here: domain=here.test, ip=127.0.0.1${attributes}
anna: address=anna@here.test`
  const { plan, findings } = planSystem(parse(text).model)
  const records = recordsOf(plan.agents.map((agent) => ({ plan: agent, dkim: [] })))
  return { records, lines: records.map(({ name, type, value }) => `${name} ${type} ${value}`), findings }
}

test('other services that send for the domain are included, and DMARC says more where it is asked to', () => {
  const { lines } = published(
    ', spf-include=news.example, spf-include=shop.example, dmarc=quarantine, dmarc-subdomains=reject, dmarc-absent=reject, dmarc-testing=yes',
  )
  assert.ok(lines.includes('here.test TXT v=spf1 ip4:127.0.0.1 include:news.example include:shop.example -all'))
  assert.ok(lines.includes('_dmarc.here.test TXT v=DMARC1; p=quarantine; sp=reject; np=reject; t=y'))
})

test('programs find every door, what is encrypted from the start first', () => {
  const services = published('').lines.filter((line) => line.includes(' SRV '))
  assert.deepEqual(services, [
    '_submissions._tcp.here.test SRV 0 1 465 mail.here.test',
    '_submission._tcp.here.test SRV 10 1 587 mail.here.test',
    '_imaps._tcp.here.test SRV 0 1 993 mail.here.test',
    '_imap._tcp.here.test SRV 10 1 143 mail.here.test',
    '_pop3s._tcp.here.test SRV 0 1 995 mail.here.test',
    '_pop3._tcp.here.test SRV 10 1 110 mail.here.test',
    '_sieve._tcp.here.test SRV 0 1 4190 mail.here.test',
    '_jmap._tcp.here.test SRV 0 1 443 mail.here.test',
    '_autodiscover._tcp.here.test SRV 0 1 443 mail.here.test',
  ])
})

test('a parked domain says that it has no mail', () => {
  const { lines } = published(', parked=idle.example')
  assert.deepEqual(
    lines.filter((line) => line.includes('idle.example')),
    [
      'idle.example MX 0 .',
      'idle.example TXT v=spf1 -all',
      '*._domainkey.idle.example TXT v=DKIM1; p=',
      '_dmarc.idle.example TXT v=DMARC1; p=reject; sp=reject; np=reject',
    ],
  )
})

test('DNS is asked for all of them: SRV, the null MX, a name that stands for many', async () => {
  const { dns } = simulate({ seed: 1 })
  dns.set('_imaps._tcp.here.test', { SRV: [{ priority: 0, weight: 1, port: 993, target: 'mail.here.test' }] })
  dns.set('idle.example', { MX: [{ preference: 0, exchange: '' }] })
  dns.set('any._domainkey.idle.example', { TXT: ['v=DKIM1; p='] })
  const { records } = published(', parked=idle.example')
  const wanted = ['_imaps._tcp.here.test', 'idle.example', '*._domainkey.idle.example']
  const found = await Promise.all(
    records.filter(({ name, type }) => wanted.includes(name) && type !== 'A').map((one) => look(one, dns)),
  )
  assert.deepEqual(
    found.map(({ type, state }) => `${type} ${state}`),
    ['SRV right', 'MX right', 'TXT missing', 'TXT right'],
  )
})

test('only the authority that is asked may make certificates for the names, and only after it has seen a token there (CAA)', async () => {
  const caa = (attributes: string) => published(attributes).records.filter(({ type }) => type === 'CAA')
  const value = '0 issue "letsencrypt.org; validationmethods=http-01"'
  assert.deepEqual(
    caa(', acme=ca@here.test, mta-sts=enforce').map((one) => `${one.name} ${one.value}`),
    [`mail.here.test ${value}`, `mta-sts.here.test ${value}`, `autoconfig.here.test ${value}`],
  )
  assert.deepEqual(caa(''), [])
  assert.deepEqual(
    caa(', acme=ca@here.test, acme-directory="https://ca.example/dir"'),
    [],
    'it calls itself we know not what',
  )
  const { dns } = simulate({ seed: 1 })
  const issue = (issuer: string) => ({ isCritical: false, tag: 'issue', value: issuer })
  dns.set('mail.here.test', { CAA: [issue('other.example'), issue('letsencrypt.org; validationmethods=http-01')] })
  dns.set('autoconfig.here.test', { CAA: [issue('letsencrypt.org')] })
  dns.set('mta-sts.here.test', {})
  const found = await Promise.all(caa(', acme=ca@here.test, mta-sts=enforce').map((one) => look(one, dns)))
  assert.deepEqual(
    found.map(({ state }) => state),
    ['right', 'missing', 'different'],
  )
})

test('an SPF record that costs more than ten look-ups is said to', async () => {
  const { dns } = simulate({ seed: 1 })
  dns.set('here.test', { TXT: ['v=spf1 a mx include:news.example redirect=last.example'] })
  dns.set('news.example', { TXT: ['other', 'v=spf1 include:here.test exists:%{i}.list.example ip4:192.0.2.1 -all'] })
  dns.set('last.example', { TXT: ['v=spf1 ptr -all'] })
  // They include each other: the count ends.
  assert.ok((await spfLookups('here.test', dns))! > 10)
  dns.set('news.example', { TXT: ['v=spf1 exists:%{i}.list.example -all'] })
  assert.equal(await spfLookups('here.test', dns), 6)
  dns.set('last.example', 'no-answer')
  assert.equal(await spfLookups('here.test', dns), undefined)
  const { findings } = published(Array.from({ length: 11 }, (_, i) => `, spf-include=s${i}.example`).join(''))
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['S17'],
  )
})
