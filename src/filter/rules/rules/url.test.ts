import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imitatedBrand, imitatedOwn } from '../domains.ts'
import { UNPROVEN, viewOf } from '../testing.ts'
import { expectRules, type Row } from './expect.ts'
import { urlRules } from './url.ts'

const link = (href: string, text = 'here') => ({ html: `<p>Read this <a href="${href}">${text}</a> please.</p>` })
const own = { facts: { ownDomains: ['home-office.example'] } }

const URLS: Row[] = [
  ['url-other-than-shown', link('https://evil.example/', 'www.bank.com')],
  ['url-other-than-shown', { ...link('https://evil.example/', 'https://sender.example/invoice'), identity: UNPROVEN }],
  ['url-brand-shown', link('https://evil.example/', 'www.paypal.com/login')],
  ['url-secure-shown', link('http://sender.example/', 'https://sender.example/')],
  ['url-number', link('http://192.0.2.7/login')],
  ['url-number', link('http://[2001:db8::1]/')],
  ['url-number-disguised', link('http://3221225991/')],
  ['url-number-disguised', link('http://0xc0.0.2.07/')],
  ['url-user-part', link('https://www.bank.com@evil.example/')],
  ['url-backslash', link('https:\\\\evil.example\\a')],
  ['url-host-encoded', link('http://%65vil.example/')],
  ['url-letters-encoded', link('http://evil.example/%6c%6f%67%69%6e')],
  ['url-imitates-brand', link('https://paypa1.com/')],
  ['url-imitates-brand', link('https://www.аmazоn.com/')],
  ['url-imitates-us', { ...link('https://home-0ffice.example/'), ...own }],
  ['url-contains-brand', link('https://paypal.com.login.evil.example/')],
  ['url-contains-brand', link('https://netflix-billing.example/')],
  ['url-imitates-sender', { ...link('https://sender-bamk.example/'), fields: { From: 'a@sender-bank.example' } }],
  ['url-mixed-alphabets', link('https://раypal-login.example/')],
  ['url-foreign-letters', link('https://größe.example/')],
  ['url-shortened', link('https://bit.ly/3x')],
  ['url-free-hosting', link('https://login-bank.web.app/')],
  ['url-redirect', { ...link('https://a.example/?u=https%3A%2F%2Fb.example%2F') }],
  ['url-redirect-chain', link('https://a.example/?u=https://b.example/?u=https://c.example/')],
  ['url-odd-port', link('http://evil.example:8099/')],
  ['url-abused-ending', link('https://prizes.icu/')],
  ['url-many-labels', link('https://a.b.c.d.e.f.evil.example/')],
  ['url-site-within-name', link('https://www.bank.com.evil.example/')],
  ['url-random-name', link('https://xkzqvbtrn.example/')],
  ['url-long-name', link(`https://${'a'.repeat(50)}.${'b'.repeat(30)}.example/`)],
  ['url-names-recipient', link('https://evil.example/?u=bob@home.example')],
  ['url-program', link('https://evil.example/update.exe')],
  ['url-script-address', link('javascript:alert(1)')],
  ['url-script-address', link('data:text/html,hello')],
  ['url-file-address', link('file://evil.example/share/a.lnk')],
  ['url-ipfs', link('https://ipfs.io/ipfs/Qm')],
  ['url-spelled-out', { text: 'Visit cheappills (dot) com today' }],
  ['url-only', { text: 'Look: https://evil.example/x\r\n' }],
  ['url-remove-by-mail', link('mailto:remove@other.example')],
]

expectRules(urlRules, URLS)

test('links of a newsletter that go through its own counting service do not deceive', () => {
  const rule = urlRules.find(({ id }) => id === 'url-other-than-shown')!
  const html = Array.from({ length: 8 }, (_, i) => `<a href="https://click.example/${i}">www.shop${i}.com</a>`).join(
    ' ',
  )
  assert.equal(rule.test(viewOf({ html, identity: UNPROVEN })), undefined)
})

test('what looks alike and what only resembles', () => {
  for (const name of [
    'paypa1.com',
    'rnicrosoft.com',
    'micr0soft.org',
    'xn--mazon-3ve.com',
    'goog1e.net',
    'faceb00k.com',
  ]) {
    assert.ok(imitatedBrand(name), name)
  }
  for (const name of [
    'paypal.com',
    'paypal.co.uk',
    'www.amazon.de',
    'amazonas.example',
    'applet.com',
    'example.com',
    'gogle.example',
  ]) {
    assert.equal(imitatedBrand(name), undefined, name)
  }
  assert.equal(imitatedOwn('example-bamk.org', ['example-bank.org']), 'example-bank.org')
  assert.equal(imitatedOwn('example-bank.org', ['example-bank.org']), undefined)
  assert.equal(imitatedOwn('mail.example-bank.org', ['example-bank.org']), undefined)
  assert.equal(imitatedOwn('other.org', ['example-bank.org']), undefined)
})
