import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { redact, redactUri } from "./redact.js";

describe("credentials in a URI", () => {
  test.each([
    ["mongodb://bob:s3cr3t@host:27017/db", "mongodb://***@host:27017/db"],
    ["mongodb+srv://bob:s3cr3t@cluster0.example.net/?retryWrites=true", "mongodb+srv://***@cluster0.example.net/?retryWrites=true"],
    ["mongodb://bob@host/db", "mongodb://***@host/db"],
    ["mongodb://bob:p%40ss%3A%2F@h1:1,h2:2/db?replicaSet=rs0", "mongodb://***@h1:1,h2:2/db?replicaSet=rs0"],
    ["mongodb://bob:p@ss:w/o?r#d,x@[::1]:27017/db", "mongodb://***@[::1]:27017/db"],
    ["mongodb://bob:s3cr3t pass@host/db", "mongodb://***@host/db"],
    ["mongodb://h1:27017,h2:27018/db?replicaSet=rs0", "mongodb://h1:27017,h2:27018/db?replicaSet=rs0"],
    ["MongoDB://bob:s3cr3t@host", "MongoDB://***@host"],
    ["s3://AKIA123:s3cr3t/x+y=@s3.example.com/bucket?region=eu", "s3://***@s3.example.com/bucket?region=eu"],
    [
      "s3://bucket/prefix?accessKeyId=AKIA123&secretAccessKey=s3cr3t&region=eu",
      "s3://bucket/prefix?accessKeyId=***&secretAccessKey=***&region=eu",
    ],
    ["mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:s3cr3t&w=1", "mongodb://h/?authMechanismProperties=***&w=1"],
    [
      "mongodb://h/?tlsCertificateKeyFile=/a.pem&tlsCertificateKeyFilePassword=s3cr3t",
      "mongodb://h/?tlsCertificateKeyFile=/a.pem&tlsCertificateKeyFilePassword=***",
    ],
    ["mongodb://h/?proxyUsername=bob&proxyPassword=s3cr3t#x", "mongodb://h/?proxyUsername=***&proxyPassword=***#x"],
    ["https://h/o?X-Amz-Credential=AKIA123&X-Amz-Signature=s3cr3t&a=1", "https://h/o?X-Amz-Credential=***&X-Amz-Signature=***&a=1"],
  ])("%s", (uri, expected) => {
    expect(redactUri(uri)).toBe(expected);
    expect(redact(`Can't reach ${uri}`)).toBe(`Can't reach ${expected}`);
  });
});

describe("credentials in a text", () => {
  test.each([
    ['connect to "mongodb://bob:s3cr3t@h/db" failed, ask a@b.example', 'connect to "mongodb://***@h/db" failed, ask a@b.example'],
    ["from mongodb://bob:s3cr3t@h1/ to mongodb://eve:s3cr3t@h2/.", "from mongodb://***@h1/ to mongodb://***@h2/."],
    ['{"uri":"mongodb://bob:s3cr3t@h/db","mail":"a@b.example"}', '{"uri":"mongodb://***@h/db","mail":"a@b.example"}'],
    ["a=mongodb://bob:s3cr3t@h1,mongodb://eve:s3cr3t@h2", "a=mongodb://***@h2"],
    ["?store=mongodb%3A%2F%2Fbob%3As3cr3t%40h%2Fdb&x=1", "?store=mongodb%3A%2F%2F***%40h%2Fdb&x=1"],
    ["?store=mongodb%2Bsrv%3A%2F%2Fbob%3As3cr3t%40h%2Fdb", "?store=mongodb%2Bsrv%3A%2F%2F***%40h%2Fdb"],
    ["?u=s3%3A%2F%2Fb%3FsecretAccessKey%3Ds3cr3t%26region%3Deu", "?u=s3%3A%2F%2Fb%3FsecretAccessKey%3D***%26region%3Deu"],
    ["mongodb://localhost:27017 refused; see mongodb://other", "mongodb://localhost:27017 refused; see mongodb://other"],
    ["mongodb://localhost:27017: ECONNREFUSED", "mongodb://localhost:27017: ECONNREFUSED"],
    ["line one\nmongodb://bob:s3cr3t@h\nline@three", "line one\nmongodb://***@h\nline@three"],
    ["mongodb://bob:s3cr3t (cut off here)", "mongodb://*** (cut off here)"],
    ["mongodb://bob:12!s3cr3t (cut off here)", "mongodb://*** (cut off here)"],
    ["(see mongodb://localhost:27017), or s3://bucket/x.", "(see mongodb://localhost:27017), or s3://bucket/x."],
    ["no URI at all, a@b, 3 > 2", "no URI at all, a@b, 3 > 2"],
    ["", ""],
  ])("%s", (text, expected) => expect(redact(text)).toBe(expected));

  test("never gets through, whatever characters the driver would take in a password", () => {
    const user = fc.stringMatching(/^[a-z]{1,5}$/);
    const password = fc.stringMatching(/^SECRET[!-~]{0,12}SECRET$/);
    const around = fc.string({ maxLength: 20 });
    fc.assert(
      fc.property(
        around,
        user,
        password,
        fc.constantFrom(" ", "\n", '" ', ""),
        around,
        fc.boolean(),
        (before, name, secret, end, after, encode) => {
          const uri = `mongodb://${name}:${encode ? encodeURIComponent(secret) : secret}@host.example/db`;
          for (const hidden of [redact(`${before} ${uri}${end}${after}`), redactUri(uri)]) {
            // What follows an odd password's quote can't be told from text; nothing of a proper URI may remain.
            if (encode || !/["'`<>\\]/.test(secret)) expect(hidden).not.toContain("SECRET");
          }
          expect(redactUri(uri)).not.toContain("SECRET");
        },
      ),
    );
  });
});
