// DNS messages and zones, and the notation in which systems are written.

import { check } from '../../src/notation/check.ts'
import { describe } from '../../src/notation/describe.ts'
import { draw } from '../../src/notation/draw.ts'
import { drawnAs, EXPORTS } from '../../src/notation/export.ts'
import { renderFinding } from '../../src/notation/findings.ts'
import { format, formatFlow } from '../../src/notation/format.ts'
import { parse } from '../../src/notation/parse.ts'
import { answerMessage } from '../../src/protocols/dns/server.ts'
import { decodeMessage, TcpFrames } from '../../src/protocols/dns/wire.ts'
import { ZoneTable } from '../../src/protocols/dns/zone.ts'
import { parseZone, printZone } from '../../src/protocols/dns/zone-text.ts'
import { planSystem } from '../../src/system/description.ts'
import { must, pieces, same, type Targets, WORDS } from '../target.ts'

const ZONES = new ZoneTable([
  parseZone(
    '@ 60 IN MX 10 mx\n@ 60 IN TXT "v=spf1 -all"\nmx 60 IN A 192.0.2.1\n*.w 60 IN A 192.0.2.2\nc 60 IN CNAME d\nd 60 IN CNAME c\n',
    'a.test',
  ).zone,
])

function dnsMessage(bytes: Buffer): void {
  decodeMessage(bytes)
  for (const transport of ['udp', 'tcp'] as const) {
    const answer = answerMessage(ZONES, bytes, transport)
    if (answer === undefined) continue
    must(answer.readUInt16BE(0) === bytes.readUInt16BE(0) && (answer[2]! & 0x80) !== 0, 'an answer to something else')
    must(transport === 'tcp' || answer.length <= 1232, 'a long answer over UDP', answer.length)
    must(decodeMessage(answer) !== undefined, 'an answer that cannot be read')
  }
  const read = (chunks: Iterable<Buffer>) => {
    const frames = new TcpFrames()
    return [...chunks].flatMap((chunk) => frames.receive(chunk).map((one) => one.toString('latin1')))
  }
  same('the cut of DNS over TCP changes it', read(pieces(bytes)), read([bytes]))
}

function zone(bytes: Buffer): void {
  const { zone } = parseZone(bytes.toString('utf8'), 'a.test')
  const printed = printZone(zone)
  const again = parseZone(printed, 'a.test')
  same('a zone that is printed has mistakes', again.mistakes, [])
  same('a zone changes', again.zone.records, zone.records)
}

function notation(bytes: Buffer): void {
  const text = bytes.toString('utf8')
  const { model, findings } = parse(text)
  const all = [...findings, ...check(model)]
  for (const found of all.slice(0, 20)) renderFinding(text, found, 'x')
  const normal = format(model)
  if (!all.some(({ severity }) => severity === 'error'))
    same('the normal spelling has another', format(parse(normal).model), normal)
  for (const style of ['flat', 'drawn'] as const) format(model, style)
  describe(model)
  const picture = draw(model)
  must(!/<script|[\0-\x08]/i.test(picture), 'a picture with foreign parts')
  planSystem(model)
}

/** Branches, blocks and layers: what is written in one form says the same in the other, and settles. */
function branches(bytes: Buffer): void {
  // Each text is read a dozen times here; the other target and the linear one have the long ones.
  const { model } = parse(bytes.subarray(0, 4000).toString('utf8'))
  for (const style of [undefined, 'flat', 'drawn'] as const) {
    const once = format(model, style)
    const again = parse(once).model
    same('formatting twice is not formatting once', format(again, style), once)
    same(
      'another form says something else',
      again.flows.map(formatFlow),
      parse(format(model)).model.flows.map(formatFlow),
    )
  }
  for (const one of EXPORTS) must(drawnAs(model, one) !== undefined, 'no drawing', one)
  draw(model)
  draw(model, { layers: new Set() })
}

const SYSTEM =
  '|--- Sender\'s Network ---| |-- Recipient\'s Network -| / Author@anna ==> MSA/Transmitter@one --> / --> Receiver/Forwarder@two ~~> MDA@three ==> Recipient@bob / Border\n\none: domain=one.test, ip=127.0.10.1\nanna: address=anna@one.test, name="Anna"\n# comment\n'

export const systemTargets: Targets = {
  'dns-message': {
    fuzz: dnsMessage,
    seeds: [
      '\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x0f\0\x01',
      '\x12\x34\x01\0\0\x01\0\0\0\0\0\x01\x01c\x01a\x04test\0\0\x01\0\x01\0\0)\x10\0\0\0\x80\0\0\0',
      '\0\x0c\x12\x34\x81\x80\0\0\0\0\0\0\0\0',
    ],
    words: ['\xc0\x0c', '\xc0\xff', '\0\x10\0\x01', '\0\0)', '\xff\xff', '\x3f', '\x01a\x04test\0', '\x01w', ...WORDS],
  },
  'dns-zone': {
    fuzz: zone,
    seeds: [
      '$TTL 60\n$ORIGIN a.test.\n@ IN SOA ns h 1 2 3 4 5\n@ MX 10 mx\nmx 5m A 192.0.2.1\n AAAA ::1\nt TXT "a\\"b" ( "c" ; d\n )\n_25._tcp TLSA 3 1 1 00ff\n',
    ],
    words: [
      '$ORIGIN ',
      '$TTL ',
      '@',
      ' IN ',
      ' TXT ',
      ' CNAME ',
      ' MX 10 ',
      '*.',
      '\\065',
      '\\"',
      '(',
      ')',
      ';',
      ...WORDS,
    ],
  },
  'notation-layers': {
    fuzz: branches,
    seeds: [
      'Author@a, Author@b ==> MSA(login)/Transmitter(in > out, spare)@s*12 --> / --> { Receiver/MDA@x ; Receiver/Forwarder@f ~~> { MDA@y ; MDA@z } } ==> Recipient@r\n\nmachine m: s.out, MDA.imap\norg "Acme": s, a\ncontract "terms": a -- s\n',
      'Author@a --+\n           |\nAuthor@b --+==> MSA@s --+--> Transmitter@t --+--> / --+--> MDA@x\n                        +--> Transmitter@u --+        +-->[if spam] MDA@y\n',
      '> - Author → MSA ──▶ Filter@f { -->[10%] MDA@x ; --> MDA@y }\n',
    ],
    words: [
      ...[
        '{',
        '}',
        ' ; ',
        ', ',
        '--+',
        '+--> ',
        '\n    +--> ',
        '|',
        '(a > b, c)',
        '(',
        ')',
        '*3',
        '@x',
        '.out',
        '[if x]',
        '/',
      ],
      ...[
        'machine m: ',
        'org O: ',
        'contract c: a -- b',
        ' --> / -->',
        ' ==> ',
        ' ~~> ',
        '\n',
        '#',
        '"',
        ':',
        '=',
        '> ',
        '- ',
      ],
    ],
  },
  notation: {
    fuzz: notation,
    seeds: [
      SYSTEM,
      '|---- N ----|\nAuthor ==> MSA/Transmitter*12 -->  /  --> Receiver/MDA ==> Recipient\n                                Border\n',
    ],
    words: [
      ' ==> ',
      ' ~~> ',
      ' --> ',
      '/',
      ' / ',
      '|---',
      '---|',
      'Author',
      'MSA/Transmitter',
      'Receiver',
      'MDA',
      'Recipient',
      'Forwarder',
      '*12',
      '@x',
      'Border',
      '\n',
      ': ',
      'domain=',
      '&gt;',
      '--',
      '\u2192',
      ...WORDS,
    ],
  },
}
