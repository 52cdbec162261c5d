import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { bodyLists, fileName, htmlToText, partBytes, partText, preview } from './body.ts'
import { firstValue } from './header.ts'
import { allParts, bodyLines, bodySizeBytes, type Part, parseStructure } from './mime.ts'

const suites = join(import.meta.dirname, '../../../shared/suites')

const crlf = (text: string) => Buffer.from(text.replace(/\r?\n/g, '\r\n'))

/** The shape of a tree: `(L M[L])` is a multipart of a leaf and a message. */
function shape(part: Part): string {
  if (part.children.length > 0) return `(${part.children.map(shape).join(' ')})`
  return part.message ? `M[${shape(part.message)}]` : 'L'
}

const body = (part: Part) => part.header.source.toString('utf8', part.bodyStart, part.bodyEnd)

const nested = crlf(`Subject: x
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner

plain
--inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>gr=C3=BCn</p>
--inner--
--outer
Content-Type: message/rfc822
Content-Disposition: attachment; filename="a\\b/letter.eml"

Subject: inside
Content-Type: multipart/mixed; boundary=third

--third

one

--third
Content-Type: application/pdf; name=x.pdf
Content-Transfer-Encoding: base64

aGVsbG8=
--third--
--outer--
epilogue
`)

test('a tree of offsets, numbered as IMAP numbers it', () => {
  const root = parseStructure(nested)
  assert.equal(shape(root), '((L L) M[(L L)])')
  assert.deepEqual(
    [...allParts(root)].map((part) => `${part.number} ${part.type}/${part.subtype}`),
    [
      ' multipart/mixed',
      '1 multipart/alternative',
      '1.1 text/plain',
      '1.2 text/html',
      '2 message/rfc822',
      ' multipart/mixed',
      '2.1 text/plain',
      '2.2 application/pdf',
    ],
  )
  const [, , plain, html, message, , one, pdf] = [...allParts(root)]
  assert.equal(body(plain!), 'plain')
  assert.equal(partText(html!).text, '<p>grün</p>')
  assert.equal(body(one!), 'one\r\n')
  assert.equal(bodyLines(one!), 1)
  assert.equal(partBytes(pdf!).toString(), 'hello')
  assert.equal(fileName(message!), 'letter.eml')
  assert.equal(bodySizeBytes(plain!), 5)
  assert.ok([...allParts(root)].every((part) => part.defects.length === 0))
})

test('structures that lie still show everything', () => {
  const cases: [string, string, string][] = [
    ['Content-Type: multipart/mixed\n\ntext', 'L', 'no-boundary'],
    ['Content-Type: multipart/mixed; boundary=b\n\ntext', 'L', 'no-parts'],
    ['Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo', '(L L)', 'unclosed-multipart'],
    ['Content-Type: nonsense\n\ntext', 'L', 'invalid-content-type'],
    [
      'Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n--b--',
      'L',
      'repeated-content-field',
    ],
  ]
  for (const [text, expected, defect] of cases) {
    const root = parseStructure(crlf(text))
    assert.equal(shape(root), expected, text)
    assert.ok(root.defects.includes(defect as 'no-parts'), text)
    if (expected === 'L') assert.equal(root.type, 'text')
  }
})

test('a part without body, headers cut by a delimiter, boundaries that begin alike', () => {
  const root = parseStructure(
    crlf('Content-Type: multipart/mixed; boundary=b\n\n--b\nX: 1\n--b\n\n--b\n--bb\n--b-- \n--b\n'),
  )
  assert.equal(shape(root), '(L L L)')
  assert.deepEqual(root.children.map(body), ['', '', ''])
  assert.equal(root.children[0]!.header.fields[0]?.name, 'X')
})

test('depth and number of parts are bounded', () => {
  let text = ''
  for (let i = 0; i < 200; i++) text += `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`
  const deep = [...allParts(parseStructure(crlf(text)))]
  assert.ok(deep.length <= 52)
  assert.ok(deep.at(-1)!.defects.includes('too-deep'))
  const wide = parseStructure(crlf(`Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(500)}`), {
    maxParts: 100,
  })
  assert.equal(wide.children.length, 99)
  assert.ok(wide.defects.includes('too-many-parts'))
})

test('text, HTML and attachments as RFC 8621 sorts them, and a preview', () => {
  const root = parseStructure(nested)
  const lists = bodyLists(root)
  const types = (parts: Part[]) => parts.map((part) => `${part.type}/${part.subtype}`)
  assert.deepEqual(types(lists.textBody), ['text/plain'])
  assert.deepEqual(types(lists.htmlBody), ['text/html'])
  assert.deepEqual(types(lists.attachments), ['message/rfc822'])
  assert.equal(preview(root), 'plain')
  assert.equal(
    htmlToText('<style>x{}</style><p>a&amp;b<br>c &#x41; < d<!-- no --><script>1</script>').trim(),
    'a&b\nc A < d',
  )
})

test('any bytes give a tree whose offsets lie in the source', () => {
  const piece = fc.constantFrom(
    'Content-Type: multipart/mixed; boundary=a\r\n',
    'Content-Type: multipart/alternative; boundary=b\n',
    'Content-Type: message/rfc822\r\n',
    'Content-Transfer-Encoding: base64\r\n',
    '\r\n',
    '\n',
    '--a\r\n',
    '--b\n',
    '--a--',
    '--b--\r\n',
    'x',
    ' ',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 50 }), (pieces) => {
      const source = Buffer.from(pieces.join(''))
      const root = parseStructure(source)
      preview(root)
      for (const part of allParts(root)) {
        assert.ok(part.headerStart <= part.bodyStart && part.bodyStart <= part.bodyEnd && part.bodyEnd <= source.length)
        let at = part.bodyStart
        for (const child of part.children) {
          assert.ok(child.headerStart >= at && child.bodyEnd <= part.bodyEnd)
          at = child.bodyEnd
        }
      }
    }),
    { numRuns: 2000 },
  )
})

test('large hostile structures are read in linear time', () => {
  for (const text of [
    '--b\n',
    '\n--',
    '--b--\n',
    '--b\nContent-Type: multipart/mixed; boundary=b\n\n',
    '--b\n\n--c\n',
  ]) {
    parseStructure(crlf(`Content-Type: multipart/mixed; boundary=b\n\n${text.repeat(100_000)}`))
  }
})

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesBelow(path) : [path]
  })
}

for (const suite of ['mime-fixtures', 'mime-mime4j', 'mime-mailparser-rs', 'mime-ambiguity']) {
  test(`every message of ${suite} is read`, (t) => {
    const folder = join(suites, suite)
    if (!existsSync(folder)) return t.skip(`conformance data is absent: ${suite}`)
    for (const path of filesBelow(folder)) {
      const root = parseStructure(readFileSync(path))
      bodyLists(root)
      preview(root)
      for (const part of allParts(root)) {
        fileName(part)
        partText(part)
      }
    }
  })
}

test('no trick of mime-ambiguity that keeps to the standards hides an attachment', (t) => {
  const folder = join(suites, 'mime-ambiguity/hide-content')
  if (!existsSync(folder)) return t.skip('conformance data is absent: mime-ambiguity')
  const found: Record<string, [decoded: number, all: number]> = {}
  for (const path of filesBelow(folder)) {
    const root = parseStructure(readFileSync(path))
    const level = /valid\((\d)\)/.exec(firstValue(root.header, 'x-payload-id')!)![1]!
    const count = (found[level] ??= [0, 0])
    count[1]++
    // The payload is a zip with the harmless EICAR test file.
    const isSeen = [...allParts(root)].some((part) => partBytes(part).toString('latin1', 0, 4) === 'PK\x03\x04')
    if (isSeen) count[0]++
  }
  assert.deepEqual(
    [found[3], found[2]],
    [
      [1, 1],
      [15, 15],
    ],
  )
  // The others: gzip as a transfer encoding, an inner boundary that is the outer one, a quoted-looking boundary, `b=b=c`.
  assert.ok(found[1]![0] >= 42, `${found[1]}`)
})

test('the trees of mime4j', (t) => {
  const folder = join(suites, 'mime-mime4j')
  if (!existsSync(folder)) return t.skip('conformance data is absent: mime-mime4j')
  // A multipart without parts is text here; an encoded message stays one attachment; a boundary cannot end in spaces.
  const differs = new Set([
    'bad-newlines-multiple-parts-base64.msg',
    'base64encoded-rfc822message-nested.msg',
    'multi-2gifs-base64.msg',
    'missing-boundary.msg',
    'missing-inner-boundary.msg',
    'missing-inner-start-boundary.msg',
    'multipartnopart.msg',
    'badbound.msg',
    'weird-boundary.msg',
    'very-long-boundary.msg',
    'very-very-long-boundary.msg',
  ])
  let compared = 0
  for (const path of filesBelow(folder)) {
    const expectedPath = path.replace(/\.msg$/, '.xml')
    if (!path.endsWith('.msg') || !existsSync(expectedPath) || differs.has(path.split('/').at(-1)!)) continue
    const signs: Record<string, string> = {
      message: 'M[',
      multipart: '(',
      body: 'L',
      '/message': ']',
      '/multipart': ')',
    }
    const tags = readFileSync(expectedPath, 'latin1').matchAll(/<(\/?(?:message|multipart|body))\b[^>-]*>/g)
    const expected = [...tags].map((tag) => signs[tag[1]!] ?? '').join('')
    assert.equal(`M[${shape(parseStructure(readFileSync(path))).replaceAll(' ', '')}]`, expected, path)
    compared++
  }
  assert.ok(compared > 45)
})

interface TheirPart {
  body: { Multipart?: number[]; Message?: { parts: TheirPart[] }; Text?: string; Html?: string }
}

test('the trees and texts of mailparser-rs', (t) => {
  const folder = join(suites, 'mime-mailparser-rs')
  if (!existsSync(folder)) return t.skip('conformance data is absent: mime-mailparser-rs')
  const theirShape = (parts: TheirPart[], index = 0): string => {
    const { Multipart, Message } = parts[index]!.body
    if (Multipart) return `(${Multipart.map((child) => theirShape(parts, child)).join(' ')})`
    return Message ? `M[${theirShape(Message.parts)}]` : 'L'
  }
  const preOrder = (part: Part): Part[] => [part, ...part.children.flatMap(preOrder)]
  const lines = (text: string) => text.replaceAll('\r\n', '\n')
  let texts = 0
  for (const path of ['rfc', 'legacy', 'thirdparty'].flatMap((name) => filesBelow(join(folder, name)))) {
    const expectedPath = path.replace(/\.eml$/, '.json')
    // 015: three messages side by side with an empty multipart in each, which they read as nested.
    if (!path.endsWith('.eml') || !existsSync(expectedPath) || path.endsWith('thirdparty/015.eml')) continue
    const expected: { parts: TheirPart[] } = JSON.parse(readFileSync(expectedPath, 'utf8'))
    const root = parseStructure(readFileSync(path))
    assert.equal(shape(root), theirShape(expected.parts), path)
    for (const [index, part] of preOrder(root).entries()) {
      const { Text, Html } = expected.parts[index]!.body
      const theirs = Text ?? Html
      // Compared where both decode: not where they keep base64 that is none, uuencode, or undeclared 8-bit text.
      if (theirs === undefined || /base64|uu|binary/.test(part.encoding) || theirs.includes('\ufffd')) continue
      assert.equal(lines(partText(part).text), lines(theirs), `${path} ${index}`)
      texts++
    }
  }
  assert.ok(texts > 50)
})
