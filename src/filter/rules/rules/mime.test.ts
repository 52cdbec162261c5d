import { expectRules, type Row } from './expect.ts'
import { htmlRules } from './html.ts'
import { mimeRules } from './mime.ts'

const type = (value: string, body: string | Buffer, more: Record<string, string | string[]> = {}) => ({
  fields: { 'Content-Type': value, ...more },
  body,
})
const part = (boundary: string, ...parts: string[]) =>
  `${parts.map((each) => `--${boundary}\r\n${each}\r\n`).join('')}--${boundary}--\r\n`
const PLAIN = 'Content-Type: text/plain\r\n\r\nhello'
const long = (count: number, word = 'harvest') =>
  Array.from({ length: count }, (_, i) => `${word}${String.fromCharCode(97 + (i % 26), 97 + (i % 7))}`).join(' ')

const MIME: Row[] = [
  ['mime-field-repeated', { fields: { 'Content-Type': ['text/plain', 'text/html'] }, body: 'x' }],
  ['mime-ambiguous', type('multipart/mixed; boundary=a; boundary=b', part('a', PLAIN))],
  ['mime-type-invalid', type('nothing', 'x')],
  ['mime-boundary-missing', type('multipart/mixed', part('a', PLAIN))],
  ['mime-parts-missing', type('multipart/mixed; boundary=b', part('a', PLAIN))],
  ['mime-unclosed', type('multipart/mixed; boundary=a', `--a\r\n${PLAIN}\r\n`)],
  [
    'mime-encoded-composite',
    type('multipart/mixed; boundary=a', part('a', PLAIN), { 'Content-Transfer-Encoding': 'base64' }),
  ],
  [
    'mime-too-deep',
    type(
      'multipart/mixed; boundary=b0',
      Array.from({ length: 60 }, (_, i) => `--b${i}\r\nContent-Type: multipart/mixed; boundary=b${i + 1}\r\n\r\n`).join(
        '',
      ),
    ),
  ],
  ['mime-too-many-parts', type('multipart/mixed; boundary=a', part('a', ...new Array<string>(600).fill(PLAIN)))],
  ['mime-boundary-too-long', type(`multipart/mixed; boundary=${'a'.repeat(80)}`, part('a'.repeat(80), PLAIN))],
  [
    'mime-boundaries-alike',
    type('multipart/mixed; boundary=a', part('a', 'Content-Type: multipart/mixed; boundary=a\r\n\r\n', PLAIN)),
  ],
  [
    'mime-boundary-of-spamware',
    type('multipart/mixed; boundary="----------123456789012345"', part('----------123456789012345', PLAIN)),
  ],
  ['mime-encoding-unknown', type('text/plain', 'x', { 'Content-Transfer-Encoding': 'base65' })],
  ['mime-charset-unknown', type('text/plain; charset=klingon', 'x')],
  ['mime-utf7', type('text/html; charset=utf-7', '+ADw-b+AD4-')],
  [
    'mime-needless-base64',
    type('text/plain; charset=us-ascii', Buffer.from(long(30)).toString('base64'), {
      'Content-Transfer-Encoding': 'base64',
    }),
  ],
  [
    'mime-base64-junk',
    type('text/plain; charset=utf-8', 'aGVsbG8h!aGVsbG8h', { 'Content-Transfer-Encoding': 'base64' }),
  ],
  [
    'mime-version-missing',
    { fields: { 'MIME-Version': [], 'Content-Type': 'multipart/mixed; boundary=a' }, body: part('a', PLAIN) },
  ],
  ['mime-8bit-undeclared', type('text/plain', Buffer.from('Gr\xfc\xdfe', 'latin1'))],
  ['mime-nul-in-text', type('text/plain', 'a\0b')],
  ['mime-html-only', { html: '<p>Hello Bob</p>' }],
  ['mime-html-as-only-body', { html: '<p>Hello Bob</p>' }],
  ['mime-alternative-differs', { text: long(60), html: `<p>${long(60, 'casino')}</p>` }],
  ['mime-alternative-empty', { text: ' ', html: '<p>Hello Bob</p>' }],
  ['mime-plain-is-html', { text: '<html><body>Hello</body></html>' }],
  ['mime-empty', { text: '\r\n' }],
  ['mime-after-the-end', type('multipart/mixed; boundary=a', `${part('a', PLAIN)}\r\nhttps://evil.example/\r\n`)],
  ['mime-before-the-parts', type('multipart/mixed; boundary=a', `${long(300)}\r\n${part('a', PLAIN)}`)],
  ['mime-fragment', type('message/partial; id=a; number=1; total=2', 'x')],
  ['mime-external-body', type('message/external-body; access-type=URL', 'x')],
  [
    'mime-names-differ',
    type(
      'multipart/mixed; boundary=a',
      part(
        'a',
        PLAIN,
        'Content-Type: image/png; name="a.png"\r\nContent-Disposition: attachment; filename="a.exe"\r\n\r\nx',
      ),
    ),
  ],
]

const html = (source: string) => ({ html: source })
const HTML: Row[] = [
  ['html-hidden-text', html(`<p>Hi</p><div style="display: none">${long(100)}</div>`)],
  ['html-tiny-text', html(`<p>${long(20)}</p><span style="font-size:0px">${long(100)}</span>`)],
  [
    'html-text-in-background-colour',
    html('<body bgcolor="#ffffff"><p>Hi Bob</p><font color="#fffffe">roses are red violets are blue</font></body>'),
  ],
  [
    'html-text-in-background-colour',
    html(
      '<table><tr><td style="background-color:#000"><span style="color:black">roses are red violets are blue</span></td></tr></table>',
    ),
  ],
  ['html-invisible-characters', html(`<p>${'pass&#8203;word '.repeat(12)}</p>`)],
  ['html-words-broken', html('<p>vi<!-- x -->agra ci<!-- y -->alis pi<zzz>lls</p>')],
  ['html-marks-unknown', html('<p>a <qq>b <ww>c <ee>d <rrr>e <tttt>f <yy>g</p>')],
  ['html-letters-disguised', html(`<p>${'&#118;&#105;&#97;'.repeat(20)}</p>`)],
  ['html-only-images', html('<img src="https://x.example/a.png">')],
  ['html-one-large-image-linked', html('<a href="https://x.example/"><img width="600" height="800" src="cid:1"></a>')],
  ['html-image-map', html('<map><area href="https://x.example/"></map>')],
  ['html-tracking-image', html('<p>x</p><img width=1 height=1 src="https://x.example/p">')],
  ['html-script', html('<script>alert(1)</script>')],
  ['html-handlers', html('<body onload="x()">Hi</body>')],
  ['html-form', html('<form action="https://x.example/"><input name=a></form>')],
  ['html-password-field', html('<input type="password">')],
  ['html-frame', html('<iframe src="https://x.example/"></iframe>')],
  ['html-object', html('<object data="x"></object>')],
  ['html-refresh', html('<meta http-equiv="refresh" content="0; url=https://x.example/">')],
  ['html-base', html('<base href="https://evil.example/"><a href="a">x</a>')],
  ['html-huge-letters', html('<p style="font-size: 60px">HELLO</p>')],
  ['html-mixed-alphabets', html('<p>Your pаypal account</p>')],
  ['html-turned-text', html('<p>\u202emoc.live</p>')],
]

expectRules(mimeRules, MIME)
expectRules(htmlRules, HTML)
