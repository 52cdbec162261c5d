// What could be proven about the sender, in combination. DMARC's own wishes are the role's business; here its results
// weigh among others, so that mail that nothing vouches for needs little more to be Junk.

import { organization } from '../domains.ts'
import type { Rule } from '../rule.ts'
import { FREE_MAIL } from '../tables.ts'
import type { MailView, ProvenIdentity } from '../view.ts'

const isSigned = (identity: ProvenIdentity): boolean => identity.dkim.some(({ result }) => result === 'pass')
/** SPF that lets nearly everybody pass vouches for nobody. */
const isProvenBySpf = ({ spf }: ProvenIdentity): boolean => spf.result === 'pass' && spf.letsEverybody !== true
const isVouched = (identity: ProvenIdentity): boolean => isProvenBySpf(identity) || isSigned(identity)

/** A test that needs an identity; without one (mail read from a file) nothing is said. */
const known =
  (test: (identity: ProvenIdentity, mail: MailView) => boolean | string | undefined) =>
  (mail: MailView): boolean | string | undefined =>
    mail.identity !== undefined && test(mail.identity, mail)

export const identityRules: readonly Rule[] = [
  {
    id: 'spf-fail',
    points: 2.2,
    about: 'identity',
    explanation: 'The sending domain says that this machine may not send its mail.',
    test: known(({ spf, dmarc }) => spf.result === 'fail' && dmarc.result !== 'pass' && spf.domain),
  },
  {
    id: 'spf-softfail',
    points: 1.2,
    about: 'identity',
    explanation: 'The sending domain says that this machine should not send its mail.',
    test: known(({ spf, dmarc }) => spf.result === 'softfail' && dmarc.result !== 'pass' && spf.domain),
  },
  {
    id: 'spf-neutral',
    points: 0.4,
    about: 'identity',
    explanation: 'The sending domain does not want to say whether this machine may send its mail.',
    test: known(({ spf, dmarc }) => spf.result === 'neutral' && dmarc.result !== 'pass' && spf.domain),
  },
  {
    id: 'spf-broken',
    points: 0.6,
    about: 'identity',
    explanation: 'The sending domain’s list of allowed machines is faulty.',
    test: known(({ spf }) => spf.result === 'permerror' && spf.domain),
  },
  {
    id: 'spf-for-everybody',
    points: 1.5,
    about: 'identity',
    explanation: 'The sending domain lets every machine in the world send its mail.',
    test: known(({ spf }) => spf.result === 'pass' && spf.letsEverybody === true && spf.domain),
  },
  {
    id: 'nothing-vouches',
    points: 1.4,
    about: 'identity',
    explanation: 'Nothing proves where this message comes from.',
    test: known((identity) => !isVouched(identity) && identity.arc.result !== 'pass'),
  },
  {
    id: 'signature-broken',
    points: 0.5,
    about: 'identity',
    explanation: 'The message is signed, but no signature holds.',
    test: known((identity) => identity.dkim.some(({ result }) => result === 'fail') && !isSigned(identity)),
  },
  {
    id: 'signature-of-stranger',
    points: 0.3,
    about: 'identity',
    explanation: 'The message is signed only by another domain than the sender’s.',
    test: known((identity, mail) => {
      const signers = identity.dkim.filter(({ result }) => result === 'pass').map(({ domain }) => domain)
      return (
        identity.dmarc.result !== 'pass' &&
        signers.length > 0 &&
        !signers.some((domain) => organization(domain) === mail.fromOrganization) &&
        signers.slice(0, 3).join(', ')
      )
    }),
  },
  {
    id: 'signature-leaves-room',
    points: 2,
    about: 'identity',
    explanation: 'Text was added to the message that its signature does not cover.',
    test: known(({ dkim }) => dkim.some(({ result, unsignedBytes = 0 }) => result === 'pass' && unsignedBytes > 0)),
  },
  {
    id: 'signature-weak',
    points: 0.6,
    about: 'identity',
    explanation: 'The signature is made with a key so short that strangers can forge it.',
    test: known(({ dkim }) => {
      const weak = dkim.find(({ keyBits = 2048 }) => keyBits > 256 && keyBits < 1024)
      return weak && `${weak.domain}, ${weak.keyBits} bits`
    }),
  },
  {
    id: 'dmarc-fail-reject',
    points: 4,
    about: 'identity',
    explanation: 'The sender’s domain asks to refuse mail that it did not send, and this is such mail.',
    test: known(({ dmarc }) => dmarc.result === 'fail' && dmarc.policy === 'reject' && dmarc.domain),
  },
  {
    id: 'dmarc-fail-quarantine',
    points: 3,
    about: 'identity',
    explanation: 'The sender’s domain asks to set aside mail that it did not send, and this is such mail.',
    test: known(({ dmarc }) => dmarc.result === 'fail' && dmarc.policy === 'quarantine' && dmarc.domain),
  },
  {
    id: 'dmarc-fail-none',
    points: 1,
    about: 'identity',
    explanation: 'It is not proven that the sender’s domain sent this message.',
    test: known(({ dmarc }) => dmarc.result === 'fail' && dmarc.policy === 'none' && dmarc.domain),
  },
  {
    id: 'dmarc-pass',
    points: -0.5,
    about: 'identity',
    explanation: 'It is proven that the sender’s domain sent this message.',
    test: known(({ dmarc }) => dmarc.result === 'pass' && dmarc.domain),
  },
  {
    id: 'signed-by-author-domain',
    points: -0.3,
    about: 'identity',
    explanation: 'The sender’s domain has signed this message.',
    test: known(({ dmarc }) => dmarc.result === 'pass' && dmarc.aligned.dkim),
  },
  {
    id: 'own-domain-unproven',
    points: 3.5,
    about: 'identity',
    explanation: 'The message claims to come from the Recipient’s own domain, and nothing proves it.',
    test: known(
      (identity, mail) =>
        mail.ownDomains.includes(mail.fromDomain) &&
        identity.dmarc.result !== 'pass' &&
        !(isProvenBySpf(identity) && identity.spf.domain === mail.fromDomain) &&
        !mail.isFromList &&
        mail.fromDomain,
    ),
  },
  {
    id: 'free-mail-unproven',
    points: 2.5,
    about: 'identity',
    explanation: 'The address is one of a large free mail provider, but that provider did not send the message.',
    test: known(
      ({ dmarc }, mail) =>
        FREE_MAIL.has(mail.fromDomain) && dmarc.result === 'fail' && !mail.isFromList && mail.fromDomain,
    ),
  },
  {
    id: 'iprev-none',
    points: 1.2,
    about: 'identity',
    explanation: 'The sending machine has no name on the Internet.',
    test: known(({ iprev, ip }) => iprev.result === 'permerror' && ip),
  },
  {
    id: 'iprev-fail',
    points: 0.9,
    about: 'identity',
    explanation: 'The name of the sending machine does not lead back to it.',
    test: known(({ iprev, ip }) => iprev.result === 'fail' && ip),
  },
  {
    id: 'null-sender-no-report',
    points: 1.5,
    about: 'identity',
    explanation: 'The message was sent like a delivery report, but is an ordinary message.',
    test: known(({ reversePath }, mail) => {
      const isReport = mail.root.subtype === 'report' || mail.has('auto-submitted') || mail.has('x-failed-recipients')
      return (
        reversePath === '' && !isReport && !/^(?:mailer-daemon|postmaster|no-?reply)/i.test(mail.from?.localPart ?? '')
      )
    }),
  },
  {
    id: 'return-path-of-stranger',
    points: 0.4,
    about: 'identity',
    explanation: 'Reports about the message go to another domain than the one it says it comes from.',
    test: known(({ reversePath, dmarc }, mail) => {
      const domain = reversePath.slice(reversePath.lastIndexOf('@') + 1).toLowerCase()
      return (
        domain !== '' &&
        mail.fromDomain !== '' &&
        dmarc.result !== 'pass' &&
        !mail.isFromList &&
        organization(domain) !== mail.fromOrganization &&
        domain
      )
    }),
  },
  {
    id: 'arc-broken',
    points: 0.4,
    about: 'identity',
    explanation: 'A Forwarder sealed the message, and the seal is broken.',
    test: known(({ arc }) => arc.result === 'fail'),
  },
  {
    id: 'answers-ours',
    points: -2,
    about: 'identity',
    explanation: 'The message answers one that was sent from here.',
    test: (mail) => mail.facts.answersOurs === true,
  },
]
