import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partText } from './body.ts'
import { buildDsn } from './dsn.ts'
import { DSN_WORDS, type DsnLanguage, dsnLanguage, languageOf } from './dsn-words.ts'
import { firstValue, parseHeader } from './header.ts'
import { parseDomain } from './mailbox.ts'
import { parseStructure } from './mime.ts'

const domain = parseDomain('recipient.test')!
const report = (language: DsnLanguage, localPart = 'bob') =>
  buildDsn({
    reportingHost: 'mx.sender.test',
    from: { localPart: 'postmaster', domain },
    to: { localPart: 'anna', domain },
    messageId: '<1@sender.test>',
    nowMs: 0,
    recipients: [
      {
        recipient: { localPart, domain },
        action: 'failed',
        status: '5.1.1',
        cause: 'address',
        diagnostic: '550 5.1.1 no',
      },
    ],
    original: Buffer.from('Subject: x\r\n\r\ny\r\n'),
    returns: 'full',
    boundary: () => 'b',
    language,
  })

test('in every language: subject, what happened, what can be done, and the part for programs is the same', () => {
  const status = new Set<string>()
  for (const language of Object.keys(DSN_WORDS) as DsnLanguage[]) {
    const built = report(language)
    const root = parseStructure(built)
    const [text, fields] = root.children
    assert.equal(firstValue(text!.header, 'content-language'), language)
    const said = partText(text!).text
    const [what, todo] = DSN_WORDS[language].causes.address
    assert.ok(said.includes(`bob@recipient.test: ${what} (5.1.1)`) && said.includes(todo), said)
    assert.ok(firstValue(parseHeader(built), 'subject'))
    status.add(partText(fields!).text)
  }
  assert.equal(status.size, 1)
})

test('RFC 6533: an address beyond ASCII makes it a report in UTF-8', () => {
  const root = parseStructure(report('de', 'bøb'))
  assert.equal(root.parameters['report-type'], 'global-delivery-status')
  assert.equal(root.children[1]!.subtype, 'global-delivery-status')
  assert.match(partText(root.children[1]!).text, /Final-Recipient: utf-8; bøb@recipient\.test/)
})

test('a language is known by its tag, its letters and its small words, and not guessed', () => {
  assert.deepEqual(['de-CH', 'pt_BR', 'xx', 'english', undefined, ''].map(dsnLanguage), [
    'de',
    'pt',
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  const texts: [string, DsnLanguage | undefined][] = [
    ['Hallo, ich bin nicht da und das ist gut für Sie', 'de'],
    ['I have the letter and this is for you with love', 'en'],
    ['Nous sommes dans une maison avec vous pour les fêtes', 'fr'],
    ['Para los niños con una sonrisa por las calles', 'es'],
    ['Non sono sicuro che gli amici della scuola', 'it'],
    ['Ik ben niet van het land en een huis voor', 'nl'],
    ['Nie jest tak, że się spotkamy, jak proszę', 'pl'],
    ['Você não está com uma carta para mim', 'pt'],
    ['Привет, как дела', 'ru'],
    ['こんにちは世界', 'ja'],
    ['你好世界', 'zh'],
    ['ok', undefined],
    ['', undefined],
  ]
  for (const [text, language] of texts) assert.equal(languageOf(text), language, text)
})
