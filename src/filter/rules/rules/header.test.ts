import { expectRules, type Row } from './expect.ts'
import { headerRules } from './header.ts'
import { subjectRules } from './subject.ts'

const field = (name: string, value: string | string[] | undefined) => ({ fields: { [name]: value } })
const subject = (value: string) => field('Subject', value)

const HEADER: Row[] = [
  ['date-missing', field('Date', undefined)],
  ['date-repeated', field('Date', ['Mon, 23 Nov 2026 12:00:00 +0000', 'Mon, 23 Nov 2026 12:00:01 +0000'])],
  ['date-unreadable', field('Date', 'yesterday')],
  ['date-not-in-form', field('Date', 'Nov 23 2026, 12:00')],
  ['date-in-future', field('Date', 'Thu, 26 Nov 2026 12:00:00 +0000')],
  ['date-hours-ahead', field('Date', 'Mon, 23 Nov 2026 20:00:00 +0000')],
  ['date-long-past', field('Date', 'Mon, 26 Oct 2026 12:00:00 +0000')],
  ['date-zone-impossible', field('Date', 'Mon, 23 Nov 2026 12:00:00 -1700')],
  ['message-id-missing', field('Message-ID', undefined)],
  ['message-id-repeated', field('Message-ID', ['<1@a.example>', '<2@a.example>'])],
  ['message-id-not-in-form', field('Message-ID', 'one two')],
  ['message-id-not-in-form', field('Message-ID', '<one two@x>')],
  ['message-id-of-ours', field('Message-ID', '<1234@home.example>')],
  ['header-line-broken', field('X-Note', 'a\r\nthis line is none')],
  ['header-space-before-colon', field('X-Note ', 'a')],
  ['header-too-long', field('X-Note', new Array<string>(400).fill('a'))],
  ['header-nul', field('X-Note', 'a\0b')],
  [
    'header-raw-bytes',
    { facts: { message: Buffer.from('From: a@b.example\r\nSubject: \xe4\xf6\xfc\r\n\r\n', 'latin1') } },
  ],
  ['header-needless-encoding', subject('=?utf-8?B?TmV3cw==?=')],
  ['sender-repeated', field('Reply-To', ['a@sender.example', 'b@sender.example'])],
  ['mime-version-odd', field('MIME-Version', '7.3')],
  [
    'mailer-outlook-forged',
    { fields: { 'X-Mailer': 'Microsoft Outlook Express 6.00', 'Message-ID': '<abc@x.example>' } },
  ],
  ['mailer-priority-without-outlook', field('X-MSMail-Priority', 'Normal')],
  ['mailer-and-user-agent', { fields: { 'X-Mailer': 'Apple Mail (2.3654)', 'User-Agent': 'Mutt/2.2' } }],
  [
    'mailer-thunderbird-forged',
    { fields: { 'User-Agent': 'Mozilla Thunderbird/128.0', 'Message-ID': '<quick.XYZ@x.example>' } },
  ],
  ['mailer-apple-forged', { fields: { 'X-Mailer': 'Apple Mail (2.3654)', 'Message-ID': '<quick@x.example>' } }],
  ['mailer-bulk-program', field('X-Mailer', 'Super Mass Mailer 3')],
  ['mailer-random', field('X-Mailer', 'xkqzvbtrw')],
  ['priority-shouting', field('X-Priority', '1 (Highest)')],
  ['script-of-a-web-page', field('X-PHP-Originating-Script', "33:mail.php(2) : eval()'d code")],
  ['reply-to-elsewhere', field('Reply-To', 'a@other.example')],
]

const SUBJECT: Row[] = [
  ['subject-missing', field('Subject', undefined)],
  ['subject-capitals', subject('READ THIS AT ONCE')],
  ['subject-exclamations', subject('Now!!')],
  ['subject-exclamation-end', subject('Look at this!')],
  ['subject-false-reply', subject('Re: your order')],
  ['subject-tail', subject('A good offer                x7fk2')],
  ['subject-random-word', subject('a good offer xqzkvbtr')],
  ['subject-spaced-letters', subject('buy v i a g r a here')],
  ['subject-disguised-word', subject('Cheap v1agra')],
  ['subject-invisible', subject('=?utf-8?q?acc=E2=80=8Bount?=')],
  ['subject-turned', subject('=?utf-8?q?a=E2=80=AEb?=')],
  ['subject-mixed-alphabets', subject('=?utf-8?q?Your_p=D0=B0ypal_account?=')],
  ['subject-styled-letters', { fields: { Subject: '𝐅𝐑𝐄𝐄 money' } }],
  ['subject-money', subject('You get $1,500,000 today')],
  [
    'subject-names-recipient',
    { fields: { Subject: 'huber, your account' }, facts: { recipients: ['huber@home.example'] } },
  ],
  ['subject-advertisement', subject('ADV: a new car')],
  ['subject-offer', subject('Lowest rates and a free trial')],
]

expectRules(headerRules, HEADER)
expectRules(subjectRules, SUBJECT)
