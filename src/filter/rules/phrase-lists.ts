// The phrases of content, by topic: lower case, words of ASCII letters and digits separated by one space, signs left out
// (`don't` is two words).

const lines = (text: string): string[] => text.trim().split(/\s*\n\s*/)

/** A rule asks how many different phrases of a topic were found. */
export const PHRASES = {
  inheritance: lines(`next of kin
    beneficiary
    deceased
    unclaimed funds
    unclaimed fund
    inheritance
    late husband
    late father
    foreign partner
    foreign account
    utmost confidentiality
    strictly confidential
    transfer of funds
    transfer this money
    transfer of the sum
    transaction is 100 risk free
    diplomatic courier
    security company
    mutual trust
    your urgent response
    business proposal
    dying of cancer
    reserve bank
    contract sum
    over invoiced
    remittance of`),
  millions: lines(`million us dollars
    million united states dollars
    million dollars
    million usd
    million pounds
    million euros
    us million
    million u s dollars`),
  lottery: lines(`winning number
    lottery winner
    you have won
    your email address won
    lottery promotion
    claims agent
    claim your prize
    award notification
    lucky winner
    winning notification`),
  pharmacy: lines(`viagra
    cialis
    levitra
    online pharmacy
    no prescription
    without prescription
    prescription drugs
    human growth hormone
    hgh
    penis enlargement
    penis
    erection
    phentermine
    xanax
    herbal
    male enhancement`),
  adult: lines(`porn
    xxx
    hardcore
    hot girls
    adult site
    adult entertainment
    sexually explicit
    you must be 18
    over 18 years
    barely legal
    cum
    sluts
    sexy singles
    live sex`),
  credit: lines(`mortgage rates
    mortgage rate
    refinance
    lowest rates
    low rates
    debt consolidation
    consolidate your
    bad credit
    credit report
    credit repair
    home loan
    home equity
    get out of debt
    eliminate debt
    eliminate your debt
    pre approved
    free quote
    life insurance
    lenders compete
    no credit check`),
  income: lines(`work from home
    work at home
    financial freedom
    financial independence
    extra income
    be your own boss
    home based business
    earn money
    make money
    make thousands
    earn thousands
    multi level marketing
    business opportunity
    potential income
    income potential
    per week
    no experience
    while you sleep
    quit your job
    million email addresses
    bulk email
    targeted email`),
  pressure: lines(`act now
    order now
    limited time
    limited time offer
    offer expires
    call now
    order today
    call today
    don t delay
    once in a lifetime
    hurry
    don t miss
    apply now
    while supplies last
    sign up now
    urgent reply
    click here now`),
  promise: lines(`100 free
    absolutely free
    100 guaranteed
    money back guarantee
    satisfaction guaranteed
    no obligation
    no cost
    risk free
    no risk
    free trial
    free membership
    completely free
    free gift
    free sample
    guaranteed to
    no catch
    no gimmicks
    as seen on
    amazing
    lose weight
    weight loss
    burn fat
    no questions asked
    what are you waiting for
    special promotion
    free access
    credit cards accepted`),
  excuse: lines(`this is not spam
    this is not a spam
    this message is not spam
    not unsolicited
    you are receiving this email because you
    you are receiving this because
    you received this email because
    you have received this email because
    you opted in
    you have opted in
    opt in list
    opted in
    one time mailing
    one time email
    your email address was obtained
    wish to be removed
    wish to be taken off
    remove yourself
    removed from our
    removed from this
    removed from future
    to be removed
    if you no longer wish
    if you do not wish
    to unsubscribe
    we apologize
    sent in compliance
    further transmissions
    third party`),
  statute: lines(`section 301
    s 1618
    bill s 1618
    title iii
    can spam act of 2003 compliant
    cannot be considered spam`),
  replyToRemove: lines(`remove in the subject
    remove in subject
    with remove in the subject
    remove as the subject
    subject remove
    word remove
    type remove
    put remove`),
  clickHere: lines(`click here
    click below
    click the link below
    click on the link
    click the button
    visit our website
    visit our web site
    click this link
    clicking here`),
  suspension: lines(`account has been suspended
    account has been limited
    account has been locked
    account will be suspended
    account will be closed
    account will be terminated
    account suspension
    unusual activity
    unusual sign in
    temporarily suspended
    temporarily limited
    mailbox is full
    mailbox is almost full
    storage limit
    exceeded its quota
    password will expire
    password expires
    password expiration
    account deactivation
    failure to verify
    avoid suspension
    avoid termination`),
  verification: lines(`verify your account
    confirm your account
    update your account
    verify your identity
    confirm your identity
    verify your email
    update your billing
    update your payment
    confirm your password
    validate your account
    validate your mailbox
    restore your account
    keep same password
    keep current password
    confirm your information
    update your information
    re activate your`),
  extortion: lines(`your webcam
    recorded you
    your browsing history
    adult websites
    i hacked
    have hacked
    your device was infected
    remote access trojan
    your contacts
    your secret
    pleasuring yourself
    masturbating
    send the video
    i know your password
    have full access to your`),
  bitcoin: lines(`bitcoin
    btc
    bitcoin wallet
    btc wallet
    bitcoin address
    wallet address
    usdt
    ethereum wallet`),
  giftCards: lines(`gift card
    gift cards
    itunes card
    itunes cards
    steam card
    google play card
    scratch the back
    send me the codes`),
  boss: lines(`are you available
    are you at your desk
    are you in the office
    i need a favor
    i need a favour
    need you to run
    quick task
    in a meeting
    discreet
    keep this between us
    whatsapp number
    your cell number
    your mobile number`),
  bankChange: lines(`new bank details
    new bank account
    new account details
    updated bank
    changed our bank
    change of bank
    bank account has changed
    update my direct deposit
    change my direct deposit`),
  parcel: lines(`your package
    your parcel
    your shipment
    delivery attempt
    delivery failed
    could not be delivered
    unable to deliver
    customs fee
    shipping fee
    reschedule delivery
    redelivery`),
  stocks: lines(`penny stock
    stock alert
    hot stock
    strong buy
    target price
    investor alert
    trading symbol
    undervalued
    forward looking statements`),
  casino: lines(`casino
    online casino
    free spins
    poker
    sports betting
    jackpot
    no deposit bonus`),
  software: lines(`oem software
    cheap software
    software at low prices
    microsoft office for only
    replica watches
    rolex
    replica`),
  greeting: lines(`dear friend
    dear sir madam
    dear sir or madam
    dear beneficiary
    dear customer
    dear user
    dear account holder
    dear valued customer
    dear email user
    dear beloved
    dear winner
    dear webmail user
    dear homeowner
    dear member
    greetings to you`),
  password: lines(`password is
    password for the archive
    archive password
    use password
    use the password
    pass code is
    zip password
    the password
    file password`),
} satisfies Record<string, string[]>

export type Topic = keyof typeof PHRASES
