// What each message of the bounces suite says, read by a person: the classes of its recipients, and the names of the files.
// A file that stands nowhere here is only asked to be understood.

export const CLASSES: Readonly<Record<string, string>> = {
  'auth-failure': `
    lhost-dragonfly-05 lhost-exim-29 lhost-opensmtpd-11 lhost-outlook-09 lhost-postfix-70 lhost-postfix-71 lhost-
    qmail-14 lhost-qmail-15 lhost-qmail-20 lhost-qmail-22 lhost-sendmail-59 rhost-apple-02 rhost-google-03 rhost-
    google-04 rhost-microsoft-04 rhost-outlook-09 rhost-tencent-03
  `,
  'auto-reply': `
    rfc3834-02 rfc3834-03 rfc3834-04 rfc3834-05 rfc3834-06
  `,
  blocked: `
    lhost-amazonses-14 lhost-amazonses-15 lhost-amazonses-16 lhost-dragonfly-06 lhost-exim-01 lhost-exim-04 lhost-
    exim-34 lhost-exim-35 lhost-exim-38 lhost-exim-39 lhost-exim-40 lhost-exim-41 lhost-exim-42 lhost-exim-46 lhost-
    exim-47 lhost-exim-48 lhost-exim-49 lhost-exim-54 lhost-ezweb-08 lhost-gmail-04 lhost-opensmtpd-14 lhost-
    postfix-38 lhost-postfix-80 lhost-qmail-04 lhost-qmail-09 lhost-sendmail-08 lhost-sendmail-10 lhost-sendmail-16
    lhost-sendmail-36 lhost-v5sendmail-06 lhost-yahoo-14 rhost-cox-01 rhost-franceptt-06 rhost-franceptt-07 rhost-
    franceptt-08 rhost-franceptt-10 rhost-franceptt-11 rhost-franceptt-12 rhost-godaddy-02 rhost-google-06 rhost-
    microsoft-01 rhost-mimecast-01 rhost-spectrum-01
  `,
  'blocked host-unknown user-unknown': `
    lhost-v5sendmail-07
  `,
  content: `
    lhost-dragonfly-07 lhost-exim-03 lhost-exim-58 lhost-gmail-03 lhost-postfix-28 lhost-postfix-78 lhost-
    receivingses-06 lhost-sendmail-06 lhost-sendmail-09 lhost-sendmail-34 lhost-sendmail-38 lhost-sendmail-43 rhost-
    google-08
  `,
  'content host-unknown user-unknown': `
    lhost-v5sendmail-05
  `,
  delivered: `
    lhost-amazonses-13 rfc3464-28
  `,
  expired: `
    lhost-amazonses-17 lhost-amazonworkmail-05 lhost-amazonworkmail-07 lhost-dragonfly-29 lhost-dragonfly-30 lhost-
    exim-06 lhost-gmail-08 lhost-gmx-04 lhost-imailserver-04 lhost-mailru-10 lhost-office365-06 lhost-office365-08
    lhost-opensmtpd-05 lhost-opensmtpd-06 lhost-opensmtpd-15 lhost-opensmtpd-16 lhost-outlook-06 lhost-outlook-07
    lhost-sendmail-12 lhost-sendmail-29 lhost-sendmail-30 lhost-sendmail-55 lhost-yahoo-13 rhost-outlook-06 rhost-
    outlook-07
  `,
  feedback: `
    arf-01 arf-02 arf-12 arf-16 arf-17 arf-20 arf-21 arf-22 arf-24 arf-25 arf-26 lhost-amazonses-11
  `,
  'host-unknown': `
    flanker/gmail-no-dns flanker/no-mx lhost-amazonses-18 lhost-dragonfly-04 lhost-dragonfly-11 lhost-
    messagingserver-05 lhost-opensmtpd-10 lhost-outlook-03 lhost-postfix-06 lhost-qmail-11 lhost-qmail-12 lhost-
    qmail-13 lhost-sendmail-24 lhost-sendmail-42 lhost-v5sendmail-04 lhost-x3-02 rfc3464-37 rfc3464-54 rfc3464-62
    rhost-aol-05 rhost-gsuite-04 rhost-gsuite-05 rhost-gsuite-13 rhost-gsuite-15
  `,
  'mailbox-full': `
    flanker/delayed-broken flanker/mailbox-full lhost-amazonses-03 lhost-amazonworkmail-04 lhost-amazonworkmail-08
    lhost-biglobe-01 lhost-dragonfly-12 lhost-dragonfly-28 lhost-exchange2007-02 lhost-exim-07 lhost-exim-60 lhost-
    gmail-06 lhost-gmail-16 lhost-gmail-19 lhost-imailserver-02 lhost-kddi-01 lhost-mailfoundry-02 lhost-mailru-02
    lhost-messagingserver-04 lhost-office365-12 lhost-outlook-01 lhost-postfix-45 lhost-postfix-63 lhost-qmail-06
    lhost-qmail-08 lhost-qmail-24 lhost-receivingses-04 lhost-sendmail-13 lhost-x2-04 lhost-x3-06 lhost-yahoo-02
    lhost-yahoo-04 lhost-yahoo-08 rfc3464-09 rhost-apple-03 rhost-google-05 rhost-outlook-01
  `,
  'mailbox-full user-unknown': `
    lhost-mailru-03 lhost-opensmtpd-17 lhost-outlook-04 lhost-qmail-17 lhost-qmail-25 lhost-zoho-02 rhost-outlook-04
  `,
  moved: `
    lhost-dragonfly-10 lhost-postfix-16 rfc3464-10 rhost-apple-01
  `,
  network: `
    flanker/delayed lhost-domino-03 lhost-exim-08 lhost-fml-03 lhost-gmail-09 lhost-gmail-10 lhost-gmail-11 lhost-
    gmail-15 lhost-gmail-17 lhost-messagingserver-07 lhost-opensmtpd-04 lhost-postfix-08 lhost-postfix-15 lhost-
    postfix-17 lhost-postfix-34 lhost-postfix-37 lhost-postfix-49 lhost-postfix-50 lhost-postfix-56 lhost-qmail-07
    lhost-sendgrid-03 lhost-sendmail-11 lhost-sendmail-20 lhost-sendmail-21 lhost-sendmail-54 lhost-v5sendmail-01
    lhost-x1-04 lhost-x2-03 lhost-x2-06 lhost-x2-07 lhost-x6-01 lhost-yandex-03 lhost-zoho-04 lhost-zoho-05
    rfc3464-07 rfc3464-34 rfc3464-36 rfc3464-40 rfc3464-56 rhost-aol-06 rhost-gsuite-06 rhost-gsuite-07
  `,
  'not-accepting': `
    lhost-dragonfly-16 lhost-messagingserver-10 lhost-sendmail-56 lhost-sendmail-57 rfc3464-52 rfc3464-59 rhost-
    gsuite-10
  `,
  policy: `
    lhost-amazonses-07 lhost-amazonses-08 lhost-dragonfly-03 lhost-dragonfly-18 lhost-exim-30 lhost-postfix-42
    lhost-postfix-51 lhost-postfix-54 lhost-postfix-55 lhost-postfix-66 lhost-postfix-67 lhost-postfix-68 lhost-
    postfix-69 rfc3464-03 rhost-yahooinc-01 rhost-zoho-02 rhost-zoho-04
  `,
  protocol: `
    lhost-postfix-53 rfc3464-29
  `,
  'rate-limited': `
    lhost-opensmtpd-13 lhost-postfix-09 lhost-postfix-59 lhost-postfix-74 lhost-qmail-19 rhost-godaddy-03 rhost-
    tencent-01 rhost-tencent-02 rhost-yahooinc-02
  `,
  'recipient-refused': `
    lhost-einsundeins-03 lhost-ezweb-01 lhost-fml-02 lhost-googlegroups-01 lhost-googlegroups-03 lhost-
    googlegroups-04 lhost-googlegroups-05 lhost-googlegroups-06 lhost-googlegroups-08 lhost-googlegroups-09 lhost-
    googlegroups-10 lhost-googlegroups-11 lhost-googlegroups-12 lhost-googlegroups-13 lhost-googlegroups-14 lhost-
    receivingses-07 rhost-facebook-03 rhost-franceptt-03 rhost-franceptt-04 rhost-messagelabs-03
  `,
  'relay-denied': `
    lhost-dragonfly-15 lhost-exchange2007-04 lhost-mimecast-02 lhost-postfix-44 lhost-postfix-65 lhost-sendmail-07
    lhost-sendmail-53 rhost-messagelabs-01
  `,
  'sender-refused': `
    lhost-exim-36 lhost-exim-37 lhost-exim-50 lhost-exim-51 lhost-mailru-09 lhost-office365-05 lhost-postfix-47
    lhost-postfix-77 lhost-qmail-03 lhost-sendmail-04 lhost-yahoo-11 lhost-yahoo-12 rfc3464-60 rhost-gsuite-11
  `,
  spam: `
    lhost-barracuda-01 lhost-barracuda-02 lhost-dragonfly-20 lhost-imailserver-06 lhost-postfix-39 rfc3464-08
    rfc3464-61 rhost-gsuite-12 rhost-zoho-03
  `,
  suspended: `
    lhost-dragonfly-17 lhost-dragonfly-21 lhost-dragonfly-27 lhost-ezweb-03 lhost-postfix-52 lhost-postfix-61 lhost-
    sendmail-35 rhost-apple-04 rhost-franceptt-05 rhost-google-01 rhost-google-07 rhost-iua-01
  `,
  'suspended user-unknown': `
    lhost-x2-02
  `,
  system: `
    lhost-amazonworkmail-03 lhost-dragonfly-13 lhost-dragonfly-23 lhost-exim-44 lhost-googleworkspace-01 lhost-
    postfix-40 lhost-postfix-43 lhost-postfix-75 lhost-postfix-79 lhost-qmail-05 lhost-sendmail-18 lhost-
    surfcontrol-03 rfc3464-04 rfc3464-06 rfc3464-43 rhost-cloudflare-01
  `,
  'system-full': `
    lhost-mfilter-05 lhost-sendmail-39
  `,
  tls: `
    lhost-gmail-07
  `,
  'too-big': `
    lhost-dragonfly-14 lhost-einsundeins-02 lhost-exchange2007-03 lhost-receivingses-05 lhost-receivingses-08 lhost-
    sendmail-05
  `,
  unknown: `
    lhost-notes-01 lhost-postfix-64 lhost-trendmicro-03 lhost-x3-05
  `,
  'user-unknown': `
    flanker/gmail-invalid-address flanker/office365 lhost-activehunter-02 lhost-amavis-01 lhost-amavis-02 lhost-
    amazonses-02 lhost-amazonses-05 lhost-amazonses-06 lhost-amazonses-09 lhost-amazonses-10 lhost-amazonworkmail-01
    lhost-amazonworkmail-02 lhost-bigfoot-02 lhost-courier-01 lhost-courier-02 lhost-domino-01 lhost-dragonfly-09
    lhost-dragonfly-22 lhost-dragonfly-24 lhost-dragonfly-26 lhost-exchange2003-01 lhost-exchange2003-02 lhost-
    exchange2003-03 lhost-exchange2003-04 lhost-exchange2007-01 lhost-exim-02 lhost-exim-05 lhost-exim-31 lhost-
    exim-52 lhost-exim-59 lhost-exim-61 lhost-ezweb-02 lhost-ezweb-07 lhost-gmail-01 lhost-gmx-02 lhost-
    imailserver-03 lhost-mailfoundry-01 lhost-mailru-01 lhost-mailru-04 lhost-mailru-07 lhost-mailru-08 lhost-
    mcafee-02 lhost-mcafee-03 lhost-mcafee-04 lhost-mcafee-05 lhost-messagingserver-06 lhost-messagingserver-08
    lhost-messagingserver-09 lhost-mfilter-01 lhost-mfilter-03 lhost-mfilter-04 lhost-mimecast-01 lhost-mxlogic-01
    lhost-mxlogic-02 lhost-mxlogic-03 lhost-notes-02 lhost-notes-03 lhost-office365-01 lhost-office365-02 lhost-
    office365-09 lhost-office365-10 lhost-office365-11 lhost-office365-13 lhost-outlook-02 lhost-outlook-08 lhost-
    postfix-01 lhost-postfix-02 lhost-postfix-03 lhost-postfix-04 lhost-postfix-05 lhost-postfix-07 lhost-postfix-31
    lhost-postfix-32 lhost-postfix-33 lhost-postfix-36 lhost-postfix-46 lhost-postfix-76 lhost-powermta-01 lhost-
    powermta-02 lhost-powermta-03 lhost-qmail-01 lhost-qmail-16 lhost-qmail-18 lhost-qmail-23 lhost-receivingses-02
    lhost-sendgrid-01 lhost-sendgrid-02 lhost-sendmail-01 lhost-sendmail-02 lhost-sendmail-14 lhost-sendmail-17
    lhost-sendmail-19 lhost-sendmail-22 lhost-sendmail-25 lhost-sendmail-26 lhost-sendmail-27 lhost-sendmail-32
    lhost-sendmail-41 lhost-sendmail-47 lhost-sendmail-48 lhost-sendmail-49 lhost-sendmail-50 lhost-sendmail-52
    lhost-surfcontrol-01 lhost-trendmicro-01 lhost-trendmicro-02 lhost-v5sendmail-03 lhost-verizon-01 lhost-
    verizon-02 lhost-x1-01 lhost-x1-02 lhost-x3-03 lhost-x5-01 lhost-x6-02 lhost-yahoo-01 lhost-yahoo-03 lhost-
    yahoo-05 lhost-yandex-01 lhost-zoho-01 lhost-zoho-03 rfc3464-01 rfc3464-26 rfc3464-42 rfc3464-51 rfc3464-58
    rfc3464-63 rfc3464-65 rfc3464-66 rhost-apple-05 rhost-facebook-04 rhost-franceptt-01 rhost-franceptt-02 rhost-
    google-02 rhost-gsuite-01 rhost-gsuite-02 rhost-gsuite-08 rhost-gsuite-09 rhost-gsuite-14 rhost-kddi-01 rhost-
    kddi-02 rhost-microsoft-02 rhost-microsoft-03 rhost-nttdocomo-01 rhost-nttdocomo-02 rhost-nttdocomo-03 rhost-
    outlook-02 rhost-yahooinc-03
  `,
  virus: `
    lhost-dragonfly-25
  `,
}
