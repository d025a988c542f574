// The 120 pictures of Vectors/pdq.json, whose answers Meta's reference gave (PyPI pdqhash): hash,
// quality and all eight dihedral forms.

import Fingerprint
import Foundation
import Testing

struct PDQVector: Decodable {
    var width: Int
    var height: Int
    /// One row of six coefficients for a grey picture, three for a colour one.
    var channels: [[Int]]
    var quality: Int
    var dihedral: [String: String]

    /// The picture formula of the vector file: integer arithmetic only.
    func channel(_ k: [Int]) -> [UInt8] {
        func floorDivide(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : -((-a + b - 1) / b) }
        func grey(_ x: Int, _ y: Int) -> UInt8 {
            var t: Int = k[0] * x + k[1] * y + k[5]
            t += floorDivide(k[2] * x * y, 64)
            t += floorDivide(k[3] * x * x, 128)
            t += floorDivide(k[4] * y * y, 128)
            let m = (t % 510 + 510) % 510
            return UInt8(m <= 255 ? m : 510 - m)
        }
        return (0..<height).flatMap { y in (0..<width).map { x in grey(x, y) } }
    }

    /// By the formula: no term in y (or none in x) means that every coefficient PDQ reads is zero.
    var changesAlongOneAxisOnly: Bool {
        channels.allSatisfy { $0[1] == 0 && $0[2] == 0 && $0[4] == 0 }
            || channels.allSatisfy { $0[0] == 0 && $0[2] == 0 && $0[3] == 0 }
    }

    /// Float luma as the reference makes it of RGB; a grey picture is three equal channels.
    func luma() -> [Float] {
        let planes = channels.map(channel)
        let (red, green, blue) =
            planes.count == 3
            ? (planes[0], planes[1], planes[2]) : (planes[0], planes[0], planes[0])
        return red.indices.map { index in
            0.299 * Float(red[index]) + 0.587 * Float(green[index]) + 0.114 * Float(blue[index])
        }
    }
}

struct VectorFile: Decodable { var cases: [PDQVector] }

@Suite struct ConformanceTests {
    static func vectors() throws -> [PDQVector] {
        let url = try #require(
            Bundle.module.url(forResource: "pdq", withExtension: "json", subdirectory: "Vectors"))
        return try JSONDecoder().decode(VectorFile.self, from: Data(contentsOf: url)).cases
    }

    @Test func stillsMatchTheReferenceInAllEightForms() throws {
        var hasher = PDQHasher()
        var (compared, exact) = (0, 0)
        let vectors = try Self.vectors()
        try #require(vectors.count == 120)
        for (number, vector) in vectors.enumerated() {
            let result = hasher.spectrum(
                ofFloatLuma: vector.luma(), width: vector.width, height: vector.height)
            let spectrum = try #require(result)
            #expect(abs(spectrum.quality - vector.quality) <= 1, "quality of case \(number)")
            guard vector.quality >= 50 else { continue }
            if vector.changesAlongOneAxisOnly {
                // The reference's answer is its own rounding noise: docs/decisions/0002.
                print("PDQ stills: case \(number) has no hash to compare")
                #expect(spectrum.isDegenerate, "case \(number)")
                continue
            }
            #expect(!spectrum.isDegenerate, "case \(number)")
            for form in DihedralForm.allCases {
                let text = try #require(vector.dihedral[form.rawValue])
                let expected = try #require(PDQHash(hex: text))
                let distance = spectrum.hash(form).distance(to: expected)
                #expect(distance <= 2, "case \(number) \(form): \(distance) bits")
                compared += 1
                exact += distance == 0 ? 1 : 0
            }
        }
        print("PDQ stills: \(exact) of \(compared) hashes bit-exact")
        #expect(compared >= 8 * 80)
        #expect(Double(exact) >= 0.95 * Double(compared))
    }

    @Test func greyPicturesHashTheSameFromBytesAsFromFloats() throws {
        var hasher = PDQHasher()
        for (number, vector) in try Self.vectors().enumerated() where vector.channels.count == 1 {
            let bytes = vector.channel(vector.channels[0])
            let result = hasher.spectrum(
                ofFloatLuma: bytes.map(Float.init), width: vector.width, height: vector.height)
            let floats = try #require(result)
            let (hash, quality) = bytes.withUnsafeBufferPointer {
                hasher.hash(
                    LumaPlane(
                        base: $0.baseAddress!, width: vector.width, height: vector.height,
                        stride: vector.width))
            }
            #expect(hash == floats.hash(.original), "case \(number)")
            #expect(quality == (floats.isDegenerate ? 0 : floats.quality), "case \(number)")
        }
    }
}
