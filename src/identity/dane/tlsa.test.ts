import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { before, describe, test } from 'node:test'
import type { TlsaRecord } from '../../world/dns.ts'
import type { TlsIdentity } from '../../world/network.ts'
import { certificateFor, derOf } from '../../world/testing/certificates.ts'
import { daneFault, ownTlsa, tlsaText, usableTlsa } from './tlsa.ts'

const NOW = Date.UTC(2026, 5, 1)
const NAME = 'mail.far.test'
const certificates = {} as Record<'root' | 'middle' | 'leaf' | 'alone' | 'other', TlsIdentity>

before(async () => {
  certificates.root = await certificateFor(['Root'], { isAuthority: true })
  certificates.middle = await certificateFor(['Middle'], { isAuthority: true, by: certificates.root })
  certificates.leaf = await certificateFor([NAME], { by: certificates.middle })
  certificates.alone = await certificateFor([NAME])
  certificates.other = await certificateFor(['mail.other.test'])
})

const partOf = (der: Buffer, selector: number) =>
  selector === 0 ? der : new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' })

function tlsa(usage: number, selector: number, matchingType: number, identity: TlsIdentity): TlsaRecord {
  const part = partOf(derOf(identity)[0]!, selector)
  const digest = ['', 'sha256', 'sha512'][matchingType]!
  const certificate = matchingType === 0 ? part : createHash(digest).update(part).digest()
  return { usage, selector, matchingType, certificate }
}

const resultOf = (records: readonly TlsaRecord[], identity: TlsIdentity, names = [NAME], nowMs = NOW) =>
  daneFault(records, derOf(identity), names, nowMs)?.result

const EVERY = [0, 1].flatMap((selector) => [0, 1, 2].map((matchingType) => [selector, matchingType] as const))

describe('DANE-EE', () => {
  for (const [selector, type] of EVERY)
    test(`3 ${selector} ${type} names the server's own certificate or key, and no other`, () => {
      const record = tlsa(3, selector, type, certificates.alone)
      assert.deepEqual(usableTlsa([record]), [record])
      assert.equal(resultOf([record], certificates.alone), undefined)
      assert.equal(resultOf([record], certificates.other), 'certificate-not-trusted')
    })

  test('its name and its dates are nobody’s business (RFC 7672 §3.1.1)', async () => {
    const old = await certificateFor(['something.else'], { to: new Date(Date.UTC(2021, 0, 1)) })
    assert.equal(resultOf([tlsa(3, 1, 1, old)], old), undefined)
  })

  test('a key outlives its certificate; one record of several is enough', async () => {
    const renewed = await certificateFor([NAME], { keyOf: certificates.alone })
    assert.equal(resultOf([tlsa(3, 1, 1, certificates.alone)], renewed), undefined)
    assert.equal(resultOf([tlsa(3, 0, 1, certificates.alone)], renewed), 'certificate-not-trusted')
    assert.equal(resultOf([tlsa(3, 1, 1, certificates.other), tlsa(3, 1, 1, renewed)], renewed), undefined)
    assert.equal(tlsaText(ownTlsa(renewed.certificatePem)!), tlsaText(tlsa(3, 1, 1, certificates.alone)))
  })
})

describe('DANE-TA', () => {
  for (const [selector, type] of EVERY)
    for (const anchor of ['root', 'middle'] as const)
      test(`2 ${selector} ${type} names the ${anchor}, and who it signed is proven by his name`, () => {
        const record = tlsa(2, selector, type, certificates[anchor])
        assert.deepEqual(usableTlsa([record]), [record])
        assert.equal(resultOf([record], certificates.leaf), undefined)
        assert.equal(resultOf([record], certificates.alone), 'certificate-not-trusted')
        assert.equal(resultOf([record], certificates.leaf, ['mail.near.test']), 'certificate-host-mismatch')
        assert.equal(resultOf([record], certificates.leaf, ['mail.near.test', NAME]), undefined)
        assert.equal(resultOf([record], certificates.leaf, [NAME], Date.UTC(2050, 0, 1)), 'certificate-expired')
        assert.equal(resultOf([record], certificates.leaf, [NAME], Date.UTC(2010, 0, 1)), 'validation-failure')
      })

  test('the server’s own certificate is no anchor for itself', () => {
    assert.equal(resultOf([tlsa(2, 0, 1, certificates.alone)], certificates.alone), 'certificate-not-trusted')
  })

  test('an anchor that the record holds whole need not be shown, one that it names by digest must', async () => {
    const alone = await certificateFor([NAME], { by: certificates.middle, isAlone: true })
    for (const selector of [0, 1]) {
      assert.equal(resultOf([tlsa(2, selector, 0, certificates.middle)], alone), undefined)
      assert.equal(resultOf([tlsa(2, selector, 1, certificates.middle)], alone), 'certificate-not-trusted')
    }
  })

  test('who is no authority signs for nobody, and a chain with a stranger in it leads nowhere', async () => {
    const record = tlsa(2, 0, 1, certificates.root)
    const sold = await certificateFor(['sold.test'], { by: certificates.root })
    const forged = await certificateFor([NAME], { by: sold })
    assert.equal(resultOf([record], forged), 'certificate-not-trusted')
    const { alone, root } = certificates
    const pasted = { ...alone, certificatePem: `${alone.certificatePem.trimEnd()}\n${root.certificatePem}` }
    assert.equal(resultOf([record], pasted), 'certificate-not-trusted')
  })

  test('a certificate that is not for servers proves no server; names may have a wildcard', async () => {
    const record = tlsa(2, 1, 1, certificates.root)
    const client = await certificateFor([NAME], { by: certificates.root, use: 'client' })
    assert.equal(resultOf([record], client), 'validation-failure')
    const wild = await certificateFor(['*.far.test'], { by: certificates.root, use: 'server' })
    assert.equal(resultOf([record], wild), undefined)
    assert.equal(resultOf([record], wild, ['a.b.far.test']), 'certificate-host-mismatch')
  })
})

test('records that say nothing to mail are none (RFC 7672 §3.1.3), and neither are damaged ones', () => {
  const { alone } = certificates
  const good = tlsa(3, 1, 1, alone)
  const cut = { ...good, certificate: good.certificate.subarray(1) }
  const unusable = [
    tlsa(0, 1, 1, alone),
    tlsa(1, 1, 1, alone),
    { ...good, usage: 4 },
    { ...good, usage: 255 },
    { ...good, selector: 2 },
    { ...good, matchingType: 3 },
    { ...good, matchingType: 2 },
    cut,
    { ...good, certificate: Buffer.alloc(0) },
    { ...tlsa(3, 0, 0, alone), certificate: Buffer.from('no certificate') },
    { ...tlsa(2, 1, 0, alone), certificate: Buffer.alloc(0) },
  ]
  assert.deepEqual(usableTlsa(unusable), [])
  assert.deepEqual(usableTlsa([...unusable, good]), [good])
})

test('of several digests the strongest counts: a weaker one opens nothing (RFC 7671 §9)', () => {
  const { alone, other } = certificates
  const records = [tlsa(3, 1, 1, alone), tlsa(3, 1, 2, other), tlsa(3, 0, 1, other), tlsa(3, 1, 0, other)]
  assert.deepEqual(usableTlsa(records), records.slice(1))
  assert.equal(resultOf(usableTlsa(records), alone), 'certificate-not-trusted')
})

test('what is no certificate is no proof', () => {
  assert.equal(daneFault([tlsa(3, 1, 1, certificates.alone)], [], [NAME], NOW)?.result, 'validation-failure')
  assert.equal(
    daneFault([tlsa(3, 1, 1, certificates.alone)], [Buffer.from('junk')], [NAME], NOW)?.result,
    'validation-failure',
  )
})
