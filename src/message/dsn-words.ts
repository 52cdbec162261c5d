// What a notification says to people, in their language: one table. Of each failure, what happened and what can be done.

/** What happened, as far as the sender can do something about it. */
export type DsnCause = 'address' | 'domain' | 'full' | 'big' | 'refused' | 'time' | 'other'

export interface DsnWords {
  readonly subjects: Readonly<Record<'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded', string>>
  /** Before the host's name. */
  readonly from: string
  readonly failed: string
  readonly delayed: string
  readonly told: string
  /** Of each cause: what happened, and what can be done. */
  readonly causes: Readonly<Record<DsnCause, readonly [string, string]>>
  readonly asked: string
  readonly said: string
  readonly until: string
  readonly rest: string
}

export const DSN_WORDS = {
  en: {
    subjects: {
      failed: 'Your message could not be delivered',
      delayed: 'Your message is delayed',
      delivered: 'Your message was delivered',
      relayed: 'Your message was handed on',
      expanded: 'Your message was sent on to a list',
    },
    from: 'This is the mail system at',
    failed: 'Your message could not be delivered to everyone.',
    delayed: 'Your message has not been delivered yet. You need not send it again.',
    told: 'You asked to be told what became of your message.',
    causes: {
      address: [
        'there is no such mailbox',
        'Look for a mistake in the address, or ask the recipient for the right one.',
      ],
      domain: ['there is no such domain, or it takes no mail', 'Look for a mistake in what stands after the @.'],
      full: ['the mailbox is full', 'Tell the recipient in another way, and send it again later.'],
      big: ['the message is too big', 'Send less at once, or a link to the files.'],
      refused: [
        'the receiving system refused the message',
        'Show what it said to your administrator, or reach the recipient in another way.',
      ],
      time: ['it could not be delivered in time', 'Send it again later, or reach the recipient in another way.'],
      other: ['it was not taken', 'Show what was said to your administrator.'],
    },
    asked: 'asked',
    said: 'said',
    until: 'We keep trying until',
    rest: 'The rest of this report is for programs, and what you sent follows it.',
  },
  de: {
    subjects: {
      failed: 'Ihre Nachricht konnte nicht zugestellt werden',
      delayed: 'Ihre Nachricht verspätet sich',
      delivered: 'Ihre Nachricht wurde zugestellt',
      relayed: 'Ihre Nachricht wurde weitergegeben',
      expanded: 'Ihre Nachricht ging an eine Liste',
    },
    from: 'Hier ist das Mailsystem von',
    failed: 'Ihre Nachricht konnte nicht allen zugestellt werden.',
    delayed: 'Ihre Nachricht ist noch nicht zugestellt. Sie müssen sie nicht noch einmal senden.',
    told: 'Sie wollten wissen, was aus Ihrer Nachricht wurde.',
    causes: {
      address: [
        'dieses Postfach gibt es nicht',
        'Suchen Sie einen Fehler in der Adresse, oder fragen Sie den Empfänger nach der richtigen.',
      ],
      domain: [
        'diese Domain gibt es nicht, oder sie nimmt keine Mail an',
        'Suchen Sie einen Fehler in dem, was hinter dem @ steht.',
      ],
      full: ['das Postfach ist voll', 'Sagen Sie es dem Empfänger auf anderem Weg, und senden Sie später noch einmal.'],
      big: ['die Nachricht ist zu groß', 'Senden Sie weniger auf einmal, oder einen Link zu den Dateien.'],
      refused: [
        'das System des Empfängers hat die Nachricht abgelehnt',
        'Zeigen Sie Ihrem Administrator, was es gesagt hat, oder erreichen Sie den Empfänger auf anderem Weg.',
      ],
      time: [
        'sie konnte nicht rechtzeitig zugestellt werden',
        'Senden Sie sie später noch einmal, oder erreichen Sie den Empfänger auf anderem Weg.',
      ],
      other: ['sie wurde nicht angenommen', 'Zeigen Sie Ihrem Administrator, was gesagt wurde.'],
    },
    asked: 'gefragt',
    said: 'Antwort',
    until: 'Wir versuchen es weiter bis',
    rest: 'Der Rest dieses Berichts ist für Programme, danach folgt, was Sie gesendet haben.',
  },
  fr: {
    subjects: {
      failed: 'Votre message n’a pas pu être remis',
      delayed: 'Votre message est retardé',
      delivered: 'Votre message a été remis',
      relayed: 'Votre message a été transmis',
      expanded: 'Votre message a été envoyé à une liste',
    },
    from: 'Voici le système de messagerie de',
    failed: 'Votre message n’a pas pu être remis à tous ses destinataires.',
    delayed: 'Votre message n’a pas encore été remis. Il est inutile de le renvoyer.',
    told: 'Vous avez demandé ce qu’est devenu votre message.',
    causes: {
      address: [
        'cette boîte aux lettres n’existe pas',
        'Cherchez une erreur dans l’adresse, ou demandez la bonne au destinataire.',
      ],
      domain: ['ce domaine n’existe pas, ou n’accepte pas de courrier', 'Cherchez une erreur dans ce qui suit le @.'],
      full: [
        'la boîte aux lettres est pleine',
        'Prévenez le destinataire autrement, et renvoyez le message plus tard.',
      ],
      big: ['le message est trop grand', 'Envoyez-en moins à la fois, ou un lien vers les fichiers.'],
      refused: [
        'le système du destinataire a refusé le message',
        'Montrez sa réponse à votre administrateur, ou joignez le destinataire autrement.',
      ],
      time: ['il n’a pas pu être remis à temps', 'Renvoyez-le plus tard, ou joignez le destinataire autrement.'],
      other: ['il n’a pas été accepté', 'Montrez la réponse à votre administrateur.'],
    },
    asked: 'demandé à',
    said: 'réponse',
    until: 'Nous continuons d’essayer jusqu’au',
    rest: 'Le reste de ce rapport est pour les programmes, puis suit ce que vous avez envoyé.',
  },
  es: {
    subjects: {
      failed: 'Su mensaje no se pudo entregar',
      delayed: 'Su mensaje se retrasa',
      delivered: 'Su mensaje fue entregado',
      relayed: 'Su mensaje fue transmitido',
      expanded: 'Su mensaje fue enviado a una lista',
    },
    from: 'Este es el sistema de correo de',
    failed: 'Su mensaje no se pudo entregar a todos.',
    delayed: 'Su mensaje todavía no ha sido entregado. No hace falta enviarlo otra vez.',
    told: 'Usted pidió saber qué fue de su mensaje.',
    causes: {
      address: ['ese buzón no existe', 'Busque un error en la dirección, o pida la correcta al destinatario.'],
      domain: ['ese dominio no existe, o no recibe correo', 'Busque un error en lo que sigue a la @.'],
      full: ['el buzón está lleno', 'Avise al destinatario por otro medio, y envíelo de nuevo más tarde.'],
      big: ['el mensaje es demasiado grande', 'Envíe menos de una vez, o un enlace a los archivos.'],
      refused: [
        'el sistema del destinatario rechazó el mensaje',
        'Muestre su respuesta a su administrador, o contacte al destinatario por otro medio.',
      ],
      time: ['no se pudo entregar a tiempo', 'Envíelo de nuevo más tarde, o contacte al destinatario por otro medio.'],
      other: ['no fue aceptado', 'Muestre la respuesta a su administrador.'],
    },
    asked: 'preguntado a',
    said: 'respuesta',
    until: 'Seguimos intentándolo hasta',
    rest: 'El resto de este informe es para programas, y le sigue lo que usted envió.',
  },
  it: {
    subjects: {
      failed: 'Il suo messaggio non è stato consegnato',
      delayed: 'Il suo messaggio è in ritardo',
      delivered: 'Il suo messaggio è stato consegnato',
      relayed: 'Il suo messaggio è stato inoltrato',
      expanded: 'Il suo messaggio è stato inviato a una lista',
    },
    from: 'Questo è il sistema di posta di',
    failed: 'Il suo messaggio non è stato consegnato a tutti.',
    delayed: 'Il suo messaggio non è ancora stato consegnato. Non occorre inviarlo di nuovo.',
    told: 'Ha chiesto di sapere che cosa ne è stato del suo messaggio.',
    causes: {
      address: [
        'questa casella non esiste',
        'Cerchi un errore nell’indirizzo, o chieda quello giusto al destinatario.',
      ],
      domain: ['questo dominio non esiste, o non riceve posta', 'Cerchi un errore in ciò che segue la @.'],
      full: ['la casella è piena', 'Avvisi il destinatario in altro modo, e lo invii di nuovo più tardi.'],
      big: ['il messaggio è troppo grande', 'Invii meno in una volta, o un collegamento ai file.'],
      refused: [
        'il sistema del destinatario ha rifiutato il messaggio',
        'Mostri la risposta al suo amministratore, o raggiunga il destinatario in altro modo.',
      ],
      time: [
        'non è stato possibile consegnarlo in tempo',
        'Lo invii di nuovo più tardi, o raggiunga il destinatario in altro modo.',
      ],
      other: ['non è stato accettato', 'Mostri la risposta al suo amministratore.'],
    },
    asked: 'chiesto a',
    said: 'risposta',
    until: 'Continuiamo a provare fino al',
    rest: 'Il resto di questo rapporto è per i programmi, e segue ciò che ha inviato.',
  },
  nl: {
    subjects: {
      failed: 'Uw bericht kon niet worden bezorgd',
      delayed: 'Uw bericht is vertraagd',
      delivered: 'Uw bericht is bezorgd',
      relayed: 'Uw bericht is doorgegeven',
      expanded: 'Uw bericht is naar een lijst gestuurd',
    },
    from: 'Dit is het mailsysteem van',
    failed: 'Uw bericht kon niet bij iedereen worden bezorgd.',
    delayed: 'Uw bericht is nog niet bezorgd. U hoeft het niet opnieuw te sturen.',
    told: 'U wilde weten wat er van uw bericht is geworden.',
    causes: {
      address: ['dit postvak bestaat niet', 'Zoek een fout in het adres, of vraag de ontvanger om het juiste.'],
      domain: ['dit domein bestaat niet, of neemt geen mail aan', 'Zoek een fout in wat achter de @ staat.'],
      full: ['het postvak is vol', 'Laat het de ontvanger op een andere manier weten, en stuur het later opnieuw.'],
      big: ['het bericht is te groot', 'Stuur minder tegelijk, of een link naar de bestanden.'],
      refused: [
        'het systeem van de ontvanger weigerde het bericht',
        'Laat het antwoord aan uw beheerder zien, of bereik de ontvanger op een andere manier.',
      ],
      time: [
        'het kon niet op tijd worden bezorgd',
        'Stuur het later opnieuw, of bereik de ontvanger op een andere manier.',
      ],
      other: ['het is niet aangenomen', 'Laat het antwoord aan uw beheerder zien.'],
    },
    asked: 'gevraagd aan',
    said: 'antwoord',
    until: 'We blijven het proberen tot',
    rest: 'De rest van dit verslag is voor programma’s, en daarna volgt wat u stuurde.',
  },
  pl: {
    subjects: {
      failed: 'Nie można było doręczyć Państwa wiadomości',
      delayed: 'Państwa wiadomość jest opóźniona',
      delivered: 'Państwa wiadomość została doręczona',
      relayed: 'Państwa wiadomość została przekazana dalej',
      expanded: 'Państwa wiadomość została wysłana na listę',
    },
    from: 'Tu system pocztowy',
    failed: 'Państwa wiadomości nie można było doręczyć wszystkim.',
    delayed: 'Państwa wiadomość nie została jeszcze doręczona. Nie trzeba wysyłać jej ponownie.',
    told: 'Proszono o informację, co stało się z wiadomością.',
    causes: {
      address: ['nie ma takiej skrzynki', 'Proszę poszukać błędu w adresie lub zapytać odbiorcę o właściwy.'],
      domain: ['nie ma takiej domeny lub nie przyjmuje ona poczty', 'Proszę poszukać błędu w tym, co stoi po znaku @.'],
      full: ['skrzynka jest pełna', 'Proszę powiadomić odbiorcę w inny sposób i wysłać ponownie później.'],
      big: ['wiadomość jest zbyt duża', 'Proszę wysłać mniej naraz lub odsyłacz do plików.'],
      refused: [
        'system odbiorcy odrzucił wiadomość',
        'Proszę pokazać odpowiedź administratorowi lub skontaktować się z odbiorcą inaczej.',
      ],
      time: [
        'nie można było doręczyć jej na czas',
        'Proszę wysłać ją później lub skontaktować się z odbiorcą inaczej.',
      ],
      other: ['nie została przyjęta', 'Proszę pokazać odpowiedź administratorowi.'],
    },
    asked: 'zapytano',
    said: 'odpowiedź',
    until: 'Próbujemy dalej do',
    rest: 'Reszta tego raportu jest dla programów, a po niej następuje to, co wysłano.',
  },
  pt: {
    subjects: {
      failed: 'A sua mensagem não pôde ser entregue',
      delayed: 'A sua mensagem está atrasada',
      delivered: 'A sua mensagem foi entregue',
      relayed: 'A sua mensagem foi encaminhada',
      expanded: 'A sua mensagem foi enviada a uma lista',
    },
    from: 'Este é o sistema de correio de',
    failed: 'A sua mensagem não pôde ser entregue a todos.',
    delayed: 'A sua mensagem ainda não foi entregue. Não é preciso enviá-la de novo.',
    told: 'Pediu para saber o que foi feito da sua mensagem.',
    causes: {
      address: ['esta caixa de correio não existe', 'Procure um erro no endereço, ou peça o correto ao destinatário.'],
      domain: ['este domínio não existe, ou não recebe correio', 'Procure um erro no que vem depois do @.'],
      full: ['a caixa de correio está cheia', 'Avise o destinatário de outra forma, e envie de novo mais tarde.'],
      big: ['a mensagem é grande demais', 'Envie menos de cada vez, ou uma ligação para os ficheiros.'],
      refused: [
        'o sistema do destinatário recusou a mensagem',
        'Mostre a resposta ao seu administrador, ou contacte o destinatário de outra forma.',
      ],
      time: ['não pôde ser entregue a tempo', 'Envie-a de novo mais tarde, ou contacte o destinatário de outra forma.'],
      other: ['não foi aceite', 'Mostre a resposta ao seu administrador.'],
    },
    asked: 'perguntado a',
    said: 'resposta',
    until: 'Continuamos a tentar até',
    rest: 'O resto deste relatório é para programas, e segue-se o que enviou.',
  },
  ru: {
    subjects: {
      failed: 'Ваше письмо не удалось доставить',
      delayed: 'Ваше письмо задерживается',
      delivered: 'Ваше письмо доставлено',
      relayed: 'Ваше письмо передано дальше',
      expanded: 'Ваше письмо отправлено в список рассылки',
    },
    from: 'Это почтовая система',
    failed: 'Ваше письмо не удалось доставить всем получателям.',
    delayed: 'Ваше письмо ещё не доставлено. Отправлять его снова не нужно.',
    told: 'Вы просили сообщить, что стало с вашим письмом.',
    causes: {
      address: ['такого почтового ящика нет', 'Поищите ошибку в адресе или спросите у получателя правильный.'],
      domain: ['такого домена нет, или он не принимает почту', 'Поищите ошибку в том, что стоит после @.'],
      full: ['почтовый ящик переполнен', 'Сообщите получателю другим способом и отправьте письмо позже.'],
      big: ['письмо слишком велико', 'Отправьте меньше за один раз или ссылку на файлы.'],
      refused: [
        'система получателя отклонила письмо',
        'Покажите её ответ администратору или свяжитесь с получателем иначе.',
      ],
      time: ['письмо не удалось доставить вовремя', 'Отправьте его позже или свяжитесь с получателем иначе.'],
      other: ['письмо не принято', 'Покажите ответ администратору.'],
    },
    asked: 'сервер',
    said: 'ответ',
    until: 'Мы продолжаем попытки до',
    rest: 'Остальная часть отчёта предназначена для программ, за ней следует то, что вы отправили.',
  },
  ja: {
    subjects: {
      failed: 'メールを配信できませんでした',
      delayed: 'メールの配信が遅れています',
      delivered: 'メールは配信されました',
      relayed: 'メールは次のサーバーに渡されました',
      expanded: 'メールはリストに送られました',
    },
    from: 'メールシステム:',
    failed: 'メールを一部またはすべての宛先に配信できませんでした。',
    delayed: 'メールはまだ配信されていません。もう一度送る必要はありません。',
    told: 'ご依頼により、メールがどうなったかをお知らせします。',
    causes: {
      address: [
        'このメールボックスは存在しません',
        'アドレスに誤りがないか確かめるか、正しいアドレスを受信者に尋ねてください。',
      ],
      domain: ['このドメインは存在しないか、メールを受け取りません', '@ の後ろに誤りがないか確かめてください。'],
      full: ['メールボックスがいっぱいです', '別の方法で受信者に知らせ、後でもう一度送ってください。'],
      big: ['メールが大きすぎます', '分けて送るか、ファイルへのリンクを送ってください。'],
      refused: [
        '受信側のシステムがメールを拒否しました',
        '応答を管理者に見せるか、別の方法で受信者に連絡してください。',
      ],
      time: ['時間内に配信できませんでした', '後でもう一度送るか、別の方法で受信者に連絡してください。'],
      other: ['受け取られませんでした', '応答を管理者に見せてください。'],
    },
    asked: '相手',
    said: '応答',
    until: '次の時刻まで試み続けます:',
    rest: 'この報告の残りはプログラムのためのもので、その後に送信されたメールが続きます。',
  },
  zh: {
    subjects: {
      failed: '您的邮件无法送达',
      delayed: '您的邮件延迟了',
      delivered: '您的邮件已送达',
      relayed: '您的邮件已转交',
      expanded: '您的邮件已发送到列表',
    },
    from: '这是邮件系统',
    failed: '您的邮件未能送达所有收件人。',
    delayed: '您的邮件尚未送达。您无需重新发送。',
    told: '您要求得知邮件的去向。',
    causes: {
      address: ['没有这个邮箱', '请检查地址是否有误，或向收件人询问正确的地址。'],
      domain: ['没有这个域名，或它不接收邮件', '请检查 @ 后面的部分是否有误。'],
      full: ['邮箱已满', '请用其他方式告知收件人，稍后再发送。'],
      big: ['邮件太大', '请分次发送，或发送文件的链接。'],
      refused: ['收件方系统拒绝了邮件', '请把对方的答复给您的管理员看，或用其他方式联系收件人。'],
      time: ['未能及时送达', '请稍后再发送，或用其他方式联系收件人。'],
      other: ['邮件未被接受', '请把答复给您的管理员看。'],
    },
    asked: '询问',
    said: '答复',
    until: '我们将继续尝试至',
    rest: '本报告的其余部分供程序使用，其后是您发送的内容。',
  },
} as const satisfies Readonly<Record<string, DsnWords>>

export type DsnLanguage = keyof typeof DSN_WORDS

/** Words that tell a language, where its letters do not: none of them is common in another. */
const TELLING: Readonly<Partial<Record<DsnLanguage, RegExp>>> = {
  en: /\b(?:the|and|you|is|this|with|for|have)\b/giu,
  de: /\b(?:und|nicht|das|ist|ich|mit|für|sie|der)\b/giu,
  fr: /\b(?:les|est|vous|pour|une|dans|avec|nous)\b/giu,
  es: /\b(?:los|las|usted|para|una|con|está|por)\b/giu,
  it: /\b(?:che|sono|della|per|non|gli|con|è)\b/giu,
  nl: /\b(?:het|een|niet|van|voor|met|ik|zijn)\b/giu,
  pl: /\b(?:się|nie|jest|oraz|dla|że|jak|proszę)\b/giu,
  pt: /\b(?:você|não|uma|para|com|está|são|os)\b/giu,
}
const LOOKED_AT = 4000
const CERTAIN = 3

/** A tag such as `de-CH` (RFC 5646) as one of the table's. */
export function dsnLanguage(tag: string | undefined): DsnLanguage | undefined {
  const language = tag?.trim().slice(0, 2).toLowerCase()
  return language !== undefined && /^[a-z]{2}(?:$|[-_,\s])/i.test(tag!.trim()) && Object.hasOwn(DSN_WORDS, language)
    ? (language as DsnLanguage)
    : undefined
}

/** The language of a text, by its letters and its small words; undefined where nothing is plain. */
export function languageOf(text: string): DsnLanguage | undefined {
  const some = text.slice(0, LOOKED_AT)
  if (/[\u3040-\u30ff]/u.test(some)) return 'ja'
  if (/[\u4e00-\u9fff]{2}/u.test(some)) return 'zh'
  if (/[\u0430-\u044f]{3}/iu.test(some) && !/[\u0456\u0457\u0454\u0491\u045e\u0458\u0459\u045a]/iu.test(some))
    return 'ru'
  const counts = Object.entries(TELLING)
    .map(([language, words]) => [language as DsnLanguage, some.match(words)?.length ?? 0] as const)
    .toSorted((a, b) => b[1] - a[1])
  const [first, second] = counts
  return first![1] >= CERTAIN && first![1] > second![1] ? first![0] : undefined
}
